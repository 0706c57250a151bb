package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestBombs sends what is meant to keep a service busy or to fill its memory:
// each gets an answer of 4xx, and the memory of the process stays flat.
func TestBombs(t *testing.T) {
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	p := start(t, 0o022, nil, "--data", data, "--user-rate", "0")
	c := p.signIn(t, out.Username, out.Password)
	jobText := func(title string) string {
		text, err := json.Marshal(jobBody(nil))
		must(t, err)
		return strings.Replace(string(text), `"A job"`, title, 1)
	}
	bombs := []struct {
		name, method, path string
		body               any
		status             int
	}{
		{"a text of 10 MB", "POST", "/jobs", json.RawMessage(jobText(`"` + strings.Repeat("x", 10<<20) + `"`)), 413},
		{"10 MB of white space", "POST", "/jobs", json.RawMessage(strings.Repeat(" ", 10<<20)), 413},
		{"deep arrays", "POST", "/jobs", json.RawMessage(strings.Repeat("[", 60_000)), 400},
		{"deep objects", "POST", "/jobs", json.RawMessage(strings.Repeat(`{"a":`, 10_000)), 400},
		{"deep in a field", "POST", "/jobs", json.RawMessage(jobText(strings.Repeat("[", 40) + strings.Repeat("]", 40))), 400},
		{"a number of 60,000 digits", "POST", "/jobs", json.RawMessage(jobText(strings.Repeat("9", 60_000))), 400},
		{"a huge exponent", "POST", "/jobs", json.RawMessage(jobText("1e99999999")), 400},
		{"a key twice", "POST", "/jobs", json.RawMessage(jobText(`"x","title":"A job"`)), 400},
		{"thousands of keys", "POST", "/jobs", json.RawMessage("{" + strings.TrimSuffix(manyKeys(5000), ",") + "}"), 400},
		{"a preview of a bomb", "POST", "/jobs/preview", json.RawMessage(strings.Repeat(`{"a":`, 10_000)), 400},
		{"a sign-in of 1 MB", "POST", "/session", json.RawMessage(`{"username":"x","password":"` + strings.Repeat("x", 1<<20) + `"}`), 413},
		{"a million ids", "POST", "/artifacts/archive", json.RawMessage(`{"ids":[` + strings.Repeat(`"x",`, 1<<20) + `"x"]}`), 413},
		{"20,000 ids", "POST", "/artifacts/archive", json.RawMessage(`{"ids":[` + strings.Repeat(`"x",`, 20_000) + `"x"]}`), 422},
		{"a certificate of 20 MB", "PUT", "/me/certificate", bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), 20<<20/28), 413},
	}
	for name, body := range certificateBombs(t) {
		bombs = append(bombs, struct {
			name, method, path string
			body               any
			status             int
		}{name, "PUT", "/me/certificate", body, 422})
	}
	for range 2 { // the first round fills buffers that are kept
		for _, b := range bombs {
			status, header, text := c.do(b.method, b.path, b.body, nil)
			if status != b.status || header.Get("Content-Type") != "application/problem+json" || len(text) > 10_000 {
				t.Errorf("%s: status %d in place of %d, %d bytes: %.300s", b.name, status, b.status, len(text), text)
			}
		}
	}
	before, busy := peakOf(t, p.cmd.Process.Pid), cpuOf(t, p.cmd.Process.Pid)
	for range 5 {
		for _, b := range bombs {
			c.do(b.method, b.path, b.body, nil)
		}
	}
	grown, spent := peakOf(t, p.cmd.Process.Pid)-before, cpuOf(t, p.cmd.Process.Pid)-busy
	t.Logf("%d bombs: %d MiB more at the peak of %d MiB, %s of CPU time each", 5*len(bombs), grown>>20, before>>20, (spent / time.Duration(5*len(bombs))).Round(time.Microsecond))
	if grown > 32<<20 || before > 400<<20 {
		t.Errorf("the memory grew from %d MiB by %d MiB", before>>20, grown>>20)
	}
	c.ok("GET", "/me", nil, nil)
}

// manyKeys are members of an object with different keys.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":0,`, i)
	}
	return b.String()
}

// certificateBombs are certificates and keys with numbers far too long, deep
// nesting, and many blocks, each within the size of a certificate's file.
func certificateBombs(t testing.TB) map[string][]byte {
	t.Helper()
	number := func(bits int) *big.Int {
		bytes := make([]byte, bits/8)
		_, err := rand.Read(bytes)
		must(t, err)
		bytes[0], bytes[len(bytes)-1] = bytes[0]|0x80, bytes[len(bytes)-1]|1
		return new(big.Int).SetBytes(bytes)
	}
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	modulus, err := x509.CreateCertificate(rand.Reader, &template, &template, &rsa.PublicKey{N: number(400_000), E: 65537}, signer)
	must(t, err)
	// RSAPrivateKey of RFC 8017, appendix A.1.2.
	key, err := asn1.Marshal(struct {
		Version                    int
		N, E, D, P, Q, DP, DQ, Inv *big.Int
	}{0, number(80_000), big.NewInt(65537), number(80_000), number(40_000), number(40_000), number(40_000), number(40_000), number(40_000)})
	must(t, err)
	deep := []byte{5, 0}
	for len(deep) < 40_000 {
		inner := append([]byte{0x30, 0x83, byte(len(deep) >> 16), byte(len(deep) >> 8), byte(len(deep))}, deep...)
		deep = inner
	}
	return map[string][]byte{
		"a modulus of 400,000 bits": modulus,
		"a key of 80,000 bits":      key,
		"deep ASN.1":                deep,
		"endless ASN.1":             bytes.Repeat([]byte{0x30, 0x80}, 30_000),
		"thousands of PEM blocks":   bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"), 1000),
		"PEM blocks without ends":   bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\nA: b\n"), 1900),
		"deep ASN.1 in PEM":         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: deep[:30_000]}),
		"base64 of nothing":         []byte(base64.StdEncoding.EncodeToString(make([]byte, 40_000))),
	}
}

// peakOf is the most memory that a process had at a time, in bytes.
func peakOf(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	must(t, err)
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	must(t, err)
	return kib << 10
}

// cpuOf is the CPU time that a process has used.
func cpuOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	must(t, err)
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(field, 10, 64)
		must(t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// TestBodiesByKind holds that an endpoint takes no more than its kind needs,
// also where the length is not told beforehand.
func TestBodiesByKind(t *testing.T) {
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data)
	c := s.signIn(t, out.Username, out.Password)
	for path, limit := range map[string]int{"/session": 16 << 10, "/jobs": 64 << 10, "/me/tokens": 64 << 10, "/artifacts/archive": 1 << 20} {
		for _, size := range []int{limit - 100, limit + 100} {
			body := `{"x":"` + strings.Repeat("y", size-8) + `"}`
			req, err := http.NewRequest(http.MethodPost, c.base+path, struct{ *strings.Reader }{strings.NewReader(body)}) // chunked
			must(t, err)
			req.Header.Set("Content-Type", "application/json")
			response, err := c.http.Do(req)
			must(t, err)
			must(t, response.Body.Close())
			if tooLarge := response.StatusCode == http.StatusRequestEntityTooLarge; tooLarge != (size > limit) {
				t.Errorf("%s: %d bytes give %d", path, size, response.StatusCode)
			}
		}
	}
}
