package cms_test

import (
	"bytes"
	"crypto/x509"
	"io"
	"testing"
	"time"

	"cdds/cms"
)

// benchSize makes what happens once per message, the work with RSA, small.
const benchSize = 32 << 20

// encryptOnce encrypts a content and throws the message away.
func encryptOnce(b *testing.B, content []byte, how cms.Profile) {
	b.Helper()
	w, err := cms.Encrypt(io.Discard, certs(bob(b)), how)
	must(b, err)
	_, err = w.Write(content)
	must(b, err)
	must(b, w.Close())
}

func BenchmarkEncrypt(b *testing.B) {
	content := noise(benchSize)
	for name, how := range map[string]cms.Profile{"CBC": cms.Compatible, "GCM": cms.Authenticated} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchSize)
			b.ReportAllocs()
			for b.Loop() {
				encryptOnce(b, content, how)
			}
		})
	}
}

// BenchmarkGCMAgainstCBC encrypts by both profiles in turn, so that what else
// the machine does meets both, and says how many times as fast GCM was.
func BenchmarkGCMAgainstCBC(b *testing.B) {
	content := noise(benchSize)
	var took [2]time.Duration
	for b.Loop() {
		for i, how := range []cms.Profile{cms.Compatible, cms.Authenticated} {
			begin := time.Now()
			encryptOnce(b, content, how)
			took[i] += time.Since(begin)
		}
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "GCM/CBC")
}

func BenchmarkDecrypt(b *testing.B) {
	der := encrypt(b, noise(benchSize), bob(b))
	authenticated := encryptAs(b, cms.Authenticated, noise(benchSize), bob(b))
	for name, message := range map[string][]byte{"DER": der, "text": text(b, der), "GCM": authenticated} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchSize)
			b.ReportAllocs()
			for b.Loop() {
				plain, err := cms.Decrypt(bytes.NewReader(message), nil, bob(b).key)
				must(b, err)
				_, err = io.Copy(io.Discard, plain)
				must(b, err)
			}
		})
	}
}

func BenchmarkTextReader(b *testing.B) {
	der := noise(benchSize)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		_, err := io.Copy(io.Discard, cms.NewTextReader(bytes.NewReader(der), benchSize, cms.Compatible))
		must(b, err)
	}
}

// BenchmarkSize is asked for every record of a split export.
func BenchmarkSize(b *testing.B) {
	for name, to := range map[string][]*x509.Certificate{"1": certs(alice(b)), "3": certs(alice(b), bob(b), carol(b))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := cms.Size(1<<20, to, cms.Compatible); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
