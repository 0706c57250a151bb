package cms_test

import (
	"bytes"
	"crypto/x509"
	"io"
	"testing"

	"cdds/cms"
)

// benchSize makes what happens once per message, the work with RSA, small.
const benchSize = 32 << 20

func BenchmarkEncrypt(b *testing.B) {
	content, to := noise(benchSize), certs(bob(b))
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		w, err := cms.Encrypt(io.Discard, to)
		must(b, err)
		_, err = w.Write(content)
		must(b, err)
		must(b, w.Close())
	}
}

func BenchmarkDecrypt(b *testing.B) {
	der := encrypt(b, noise(benchSize), bob(b))
	for name, message := range map[string][]byte{"DER": der, "text": text(b, der)} {
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
		_, err := io.Copy(io.Discard, cms.NewTextReader(bytes.NewReader(der), benchSize))
		must(b, err)
	}
}

// BenchmarkSize is asked for every record of a split export.
func BenchmarkSize(b *testing.B) {
	for name, to := range map[string][]*x509.Certificate{"1": certs(alice(b)), "3": certs(alice(b), bob(b), carol(b))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := cms.Size(1<<20, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
