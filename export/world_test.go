package export

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/cms"
	"cdds/source"
)

// Everything here happens at this instant.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// identity is a certificate with its key, also as PEM files for openssl.
type identity struct {
	cert              *x509.Certificate
	key               *rsa.PrivateKey
	certFile, keyFile string
}

// keyPair is the one key of the tests; making one takes a while.
var keyPair = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newIdentity(t testing.TB) identity {
	t.Helper()
	key, err := keyPair()
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "ann", Organization: []string{"Alpha"}}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	dir := t.TempDir()
	id := identity{cert: cert, key: key, certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	must(t, os.WriteFile(id.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(id.keyFile, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	return id
}

// unzipped is what openssl and unzip make of an artifact: the files inside.
func (id identity) unzipped(t testing.TB, artifact []byte) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	sealed, zipped := filepath.Join(dir, "a.p7m"), filepath.Join(dir, "a.zip")
	must(t, os.WriteFile(sealed, artifact, 0o600))
	command(t, "openssl", "cms", "-decrypt", "-inform", "DER", "-in", sealed, "-inkey", id.keyFile, "-recip", id.certFile, "-out", zipped)
	command(t, "unzip", "-tqq", zipped)
	files := map[string][]byte{}
	for name := range bytes.Lines(command(t, "unzip", "-Z1", zipped)) {
		name := string(bytes.TrimSpace(name))
		files[name] = command(t, "unzip", "-p", zipped, name)
	}
	return files
}

// opened is the same by our own way back.
func (id identity) opened(t testing.TB, artifact []byte) map[string][]byte {
	t.Helper()
	plain, err := cms.Decrypt(bytes.NewReader(artifact), id.cert, id.key)
	must(t, err)
	files := map[string][]byte{}
	must(t, ReadZip(plain, func(name string, content io.Reader) error {
		body, err := io.ReadAll(content)
		files[name] = body
		return err
	}))
	return files
}

func command(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, stderr.String(), out)
	}
	return out
}

// history is a source in memory: records are made when they are read, and the
// same number always gives the same record.
type history struct {
	count map[source.Entity]int
	fill  func(e source.Entity, i int, r *source.Record)

	mu         sync.Mutex
	snapshots  int // begun
	counts     int // asked for
	open       int
	queries    []source.Query
	before     func(e source.Entity, i int) error // called before each record, if given
	onSnapshot func(n int) error                  // called before each snapshot, if given
	onPiece    func() error                       // called before each piece of a long content, if given
	estimated  bool
	stuck      bool // gives its first range again and again
}

// newHistory returns a source with realistic records.
func newHistory(interactions, attachments, contacts int) *history {
	return &history{
		count: map[source.Entity]int{source.Interaction: interactions, source.Attachment: attachments, source.Contact: contacts},
		fill:  func(e source.Entity, i int, r *source.Record) { poolOf2000().fill(e, i, r) },
	}
}

func (h *history) Snapshot(ctx context.Context) (source.Snapshot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.snapshots++
	if h.onSnapshot != nil {
		if err := h.onSnapshot(h.snapshots); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.open++
	return &moment{h: h, at: now.Add(time.Duration(h.snapshots) * time.Second)}, nil
}

func (h *history) MediaTypes(context.Context, int64) ([]string, error) { return nil, nil }
func (*moment) Kinds(context.Context, int64) (source.Kinds, error)     { return nil, nil }
func (h *history) Check(context.Context) ([]source.Finding, error)     { return nil, nil }
func (h *history) Close() error                                        { return nil }
func (h *history) expected(e source.Entity) []byte                     { return h.lines(e, 0, h.count[e]) }
func (h *history) key(e source.Entity, i int) (k source.Key) {
	k.ID = fmt.Sprintf("%010d", i)
	return h.dated(e, k, i)
}
func (h *history) dated(e source.Entity, k source.Key, i int) source.Key {
	if e != source.Contact {
		k.At = now.UnixMicro() + int64(i)
	}
	if e == source.Attachment {
		k.Sub = "a" + strconv.Itoa(i)
	}
	return k
}

// lines are records as the slow encoder writes them.
func (h *history) lines(e source.Entity, from, to int) []byte {
	var out []byte
	r := source.Record{}
	for i := from; i < to; i++ {
		h.fill(e, i, &r)
		out = append(out, slowLine(e, &r)...)
	}
	return out
}

// moment is a snapshot of a history.
type moment struct {
	h  *history
	at time.Time
}

func (m *moment) Time() time.Time { return m.at }

func (m *moment) Count(_ context.Context, q source.Query) (source.Count, error) {
	m.h.mu.Lock()
	m.h.counts++
	m.h.mu.Unlock()
	return source.Count{Records: int64(m.h.count[q.Entity]), Exact: !m.h.estimated}, nil
}

func (m *moment) Read(ctx context.Context, q source.Query, r source.Range, emit func(*source.Record) error) (int, error) {
	m.h.mu.Lock()
	m.h.queries = append(m.h.queries, q)
	m.h.mu.Unlock()
	from := 0
	if r.After != nil && !m.h.stuck {
		last, err := strconv.Atoi(r.After.ID)
		if err != nil {
			return 0, err
		}
		if *r.After != m.h.key(q.Entity, last) {
			return 0, fmt.Errorf("range after %v, which is no record", *r.After)
		}
		from = last + 1
	}
	to := m.h.count[q.Entity]
	if r.Upto != nil {
		last, err := strconv.Atoi(r.Upto.ID)
		if err != nil {
			return 0, err
		}
		to = last + 1
	}
	if r.Limit > 0 {
		to = min(to, from+r.Limit)
	}
	record := source.Record{}
	for i := from; i < to; i++ {
		if err := ctx.Err(); err != nil {
			return i - from, err
		}
		if m.h.before != nil {
			if err := m.h.before(q.Entity, i); err != nil {
				return i - from, err
			}
		}
		m.h.fill(q.Entity, i, &record)
		record.Key = m.h.key(q.Entity, i)
		record.Content = nil
		if last := len(record.Values) - 1; q.Entity == source.Attachment && len(record.Values[last].Bytes) > source.MaxContent {
			record.Content = m.h.pieces(record.Values[last].Bytes)
			record.Values[last].Bytes = nil
		}
		if err := emit(&record); err != nil {
			return i - from, err
		}
	}
	return to - from, nil
}

// pieces is a content as a source gives it that is too long to be held.
func (h *history) pieces(content []byte) *source.Content {
	return &source.Content{Size: int64(len(content)), Read: func(do func([]byte) error) error {
		for piece := range slices.Chunk(content, 300_000) {
			if h.onPiece != nil {
				if err := h.onPiece(); err != nil {
					return err
				}
			}
			if err := do(piece); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (m *moment) Close() error {
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	if m.h == nil || m.h.open == 0 {
		return errors.New("a snapshot was closed twice")
	}
	m.h.open--
	return nil
}

// pool holds ready-made records, far enough apart for the compressor not to
// see that they come again.
type pool struct {
	records map[source.Entity][]source.Record
}

// poolOf2000 is the one pool of most tests; making it takes a while.
var poolOf2000 = sync.OnceValue(func() *pool { return newPool(2000) })

func newPool(size int) *pool {
	p := &pool{records: map[source.Entity][]source.Record{}}
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for _, e := range []source.Entity{source.Interaction, source.Attachment, source.Contact} {
		for i := range size {
			p.records[e] = append(p.records[e], newRecord(random, e, i))
		}
	}
	return p
}

// fill takes a record of the pool and gives it its own id, so that all differ.
func (p *pool) fill(e source.Entity, i int, r *source.Record) {
	from := &p.records[e][i%len(p.records[e])]
	r.Values = append(r.Values[:0], from.Values...)
	r.Attributes = from.Attributes
	r.Values[0] = source.Value{Bytes: strconv.AppendInt([]byte("id"), int64(i), 10)}
}

// newRecord makes up a record with all kinds of values.
func newRecord(random *mathrand.Rand, e source.Entity, i int) source.Record {
	r := source.Record{}
	group := []string{"email", "chat", "phoneCall", "callback", ""}[i%5]
	for _, f := range source.Fields(e) {
		v := source.Value{}
		switch {
		case f.Kind == source.Group:
			v.Null = f.Name != group
		case f.Name == "text" || f.Name == "content":
			v.Bytes = prose(random, 200+random.IntN(3000))
		case f.Kind == source.Text && (random.IntN(2) == 0 || f.Name == "mediaTypeId"):
			v.Bytes = prose(random, 5+random.IntN(20))
		case f.Kind == source.Text:
			v.Null = !slices.Contains([]string{"entityId", "contactId"}, f.Name) || f.Column == "contactid"
		case f.Kind == source.JSON:
			v.Bytes = fmt.Appendf(nil, `{"Queue": "q%d", "Skill": ["a", {"b": null}], "Score": %d.5}`, random.IntN(20), random.IntN(100))
		case f.Kind == source.Bool:
			v.Int = int64(random.IntN(2))
		case f.Kind == source.Instant:
			v.Int = now.UnixMicro() + int64(i)*60_000_000 + int64(random.IntN(1_000_000))
		case f.Kind == source.Int:
			v.Int = int64(random.IntN(8))
		}
		r.Values = append(r.Values, v)
	}
	if e == source.Contact {
		office := "office"
		r.Attributes = []source.Attribute{
			{Name: "EmailAddress", Value: string(prose(random, 20)), Primary: true, Description: &office},
			{Name: "FirstName", Value: string(prose(random, 8))},
		}
	}
	return r
}

// prose returns n bytes of text that compresses about as well as mail does.
func prose(random *mathrand.Rand, n int) []byte {
	const letters = "etaoinshrdlucmfwypvbgkjqxz"
	text := make([]byte, 0, n+20)
	for len(text) < n {
		// Words of a vocabulary whose members become rarer.
		word := random.IntN(1 + random.IntN(1+random.IntN(20_000)))
		for w := word + 7; w > 0; w /= 11 {
			text = append(text, letters[(w*7)%26])
		}
		switch random.IntN(40) {
		case 0:
			text = append(text, ".\n"...)
		case 1:
			text = append(text, " \"ä\" "...)
		default:
			text = append(text, ' ')
		}
	}
	return bytes.ToValidUTF8(text[:n], nil) // the end may have been cut
}

// newSpec is an order to export all interactions.
func newSpec(id identity) Spec {
	return Spec{
		RunID: "run-1", Type: cdds.TypeInteraction, TenantID: 101, Window: cdds.Window{End: now}, By: cdds.ByStartDate,
		Recipients: []*x509.Certificate{id.cert}, Prefix: "tenants/t/runs/run-1/attempt-1/",
	}
}
