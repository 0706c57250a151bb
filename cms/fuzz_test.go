package cms_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"runtime"
	"testing"

	"cdds/cms"
)

// fuzzIdentity has the same key in every process: the fuzzer's workers must be
// able to open the messages that it starts from. The key is short, for speed,
// and opens nothing but these.
func fuzzIdentity(t testing.TB) identity {
	t.Helper()
	const p = "e7c54de4d020bec24f4fe8e9bff7534bce422deda8b05b6575a54772c5a34d5f" +
		"d0ff31949d08740382a93a4b3c426c570c194d92d07aaf9cb1b396ad25f017d9"
	const q = "d1db534c4649c9488fac0c411414f988d21c021a876ca02245c659b4e64b892b" +
		"6bfbf0e080a5711a2d01fb08f35f493502ff8df48b437a56de9f6414bebbb569"
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{E: 65537}}
	for _, hex := range []string{p, q} {
		prime, ok := new(big.Int).SetString(hex, 16)
		if !ok {
			t.Fatal("a prime of the fuzzing key cannot be read")
		}
		key.Primes = append(key.Primes, prime)
	}
	one := big.NewInt(1)
	key.N = new(big.Int).Mul(key.Primes[0], key.Primes[1])
	totient := new(big.Int).Mul(new(big.Int).Sub(key.Primes[0], one), new(big.Int).Sub(key.Primes[1], one))
	key.D = new(big.Int).ModInverse(big.NewInt(int64(key.E)), totient)
	key.Precompute()
	must(t, key.Validate())
	id, err := selfSigned(key, 1, pkix.Name{CommonName: "fuzz"})
	must(t, err)
	return id
}

// FuzzDecrypt looks for messages that make Decrypt panic, give more than was
// encrypted, take memory that the message does not pay for, or end well without
// being whole. It starts from messages in all forms that can be read.
func FuzzDecrypt(f *testing.F) {
	id := fuzzIdentity(f)
	for _, size := range []int{0, 5, 16, 100} {
		der := encrypt(f, noise(size), id)
		f.Add(der)
		f.Add(text(f, der))
		f.Add(der[:len(der)-3])
		authenticated := encryptAs(f, cms.Authenticated, noise(size), id)
		f.Add(authenticated)
		f.Add(textAs(f, cms.Authenticated, authenticated))
	}
	cert, _ := id.files(f)
	in := file(f, noise(40))
	for _, flags := range [][]string{{"-noindef", "-aes128"}, {"-stream", "-aes192"}, {"-aes-256-gcm"}, {"-aes256", "-pwri_password", "secret"}} {
		args := append([]string{"cms", "-encrypt", "-binary", "-outform", "DER", "-in", in}, flags...)
		f.Add(openssl(f, append(args, cert)...))
	}
	f.Add([]byte{0x30, 0x80})
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte("MIME-Version: 1.0\n\n"))
	f.Fuzz(func(t *testing.T, message []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plain, err := cms.Decrypt(bytes.NewReader(message), nil, id.key)
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, plain)
		runtime.ReadMemStats(&after)
		if n >= int64(len(message)) {
			t.Fatalf("%d bytes of content came from a message of %d", n, len(message))
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<20+64*uint64(len(message)) {
			t.Fatalf("a message of %d bytes took %d bytes of memory", len(message), taken)
		}
		if err != nil && !errors.Is(err, cms.ErrDamaged) && !errors.Is(err, cms.ErrUnsupported) {
			t.Fatalf("the error has no kind: %v", err)
		}
		if err == nil && len(message) < 64 {
			t.Fatalf("a message of %d bytes cannot be whole", len(message))
		}
		if again, more := plain.Read(make([]byte, 1)); again != 0 || more == nil {
			t.Fatalf("after its end the content goes on: %d, %v", again, more)
		}
	})
}
