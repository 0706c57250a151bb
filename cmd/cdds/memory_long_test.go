//go:build long

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds/cms"
	"cdds/export"
)

// mostInteractions is the size of the large export from PostgreSQL: 10,000,000,
// which take about 10 GB of disk and a quarter of an hour, or what the
// environment says.
const mostInteractions = "CDDS_TEST_INTERACTIONS"

// longWait bounds an export of these tests.
const longWait = 2 * time.Hour

// TestMemoryIsFlat exports some interactions and many more, each by a service
// process of its own, and compares what they needed at most.
func TestMemoryIsFlat(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "cdds")
	tool(t, "go", "build", "-o", bin, ".")
	most := 10_000_000
	if text := os.Getenv(mostInteractions); text != "" {
		var err error
		most, err = strconv.Atoi(text)
		must(t, err)
	}
	for name, exportAll := range map[string]func(*testing.T, int) int64{
		"sqlite": func(t *testing.T, n int) int64 {
			data, out := demo(t, "--interactions", strconv.Itoa(n), "--contacts", "10000")
			return exportAlone(t, bin, data, out, n)
		},
		"postgres": func(t *testing.T, n int) int64 {
			dsn := servers.Database(t)
			fillHistory(t, dsn, n)
			data, out := demo(t, "--interactions", "1", "--contacts", "1")
			return exportAlone(t, bin, data, out, n, "--source", dsn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			few, n, growth := 100_000, most, 1.1
			if name == "sqlite" {
				few, n = 50_000, min(n, 1_000_000) // the sample takes long to write
				growth = 1.2                       // SQLite itself works in the service's process
			}
			small, large := exportAll(t, few), exportAll(t, n)
			if ratio := float64(large) / float64(small); ratio > growth {
				t.Errorf("memory grows with the data: the large export needed %.2f of the small one's", ratio)
			}
			if max(small, large) > 128<<20 {
				t.Error("more than 128 MiB")
			}
		})
	}
}

// exportAlone exports all interactions by a process of its own, and returns the
// most memory that this needed.
func exportAlone(t *testing.T, bin, data string, out demoOutput, records int, args ...string) int64 {
	t.Helper()
	process, url := startProcess(t, bin, data, args...)
	c := (&runningService{url: url}).signIn(t, out.Username, out.Password)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(nil), &job)
	began := time.Now()
	r := finished(t, c.awaitWithin(job.LatestRun.ID, longWait))
	memory := peakMemory(t, process.Process.Pid)
	t.Logf("%d records, %d MiB of JSON Lines in %s: peak resident memory %d MiB", r.Progress.Records, r.Progress.Bytes>>20, time.Since(began).Round(time.Second), memory>>20)
	if r.Progress.Records < int64(records) {
		t.Errorf("%d records, want %d at least", r.Progress.Records, records)
	}
	must(t, process.Process.Signal(syscall.SIGTERM))
	must(t, process.Wait())
	return memory
}

// fillHistory makes the reference schema with that many short interactions.
func fillHistory(t *testing.T, dsn string, n int) {
	t.Helper()
	db := referenceSchema(t, dsn)
	for _, statement := range []string{
		"drop index interaction_modifieddate, interaction_contact",
		fmt.Sprintf(`insert into interaction (id, tenantid, startdate, modifieddate, enddate, entitytypeid, mediatypeid, typeid, status, subject, text, allattributes)
			select lpad(to_hex(n), 16, '0'), 101, at, at + interval '1 hour', at + interval '2 hours', 2, (array['chat', 'email', 'voice'])[n %% 3 + 1], 'Inbound', 3,
				'Question ' || n, md5(n::text) || repeat(' about the last invoice', 1 + n %% 20), '{"Queue": "billing"}'
			from (select n, timestamptz '2020-01-01Z' + n * interval '10 s' as at from generate_series(1, %d) n) s`, n),
		"analyze",
	} {
		_, err := db.Exec(t.Context(), statement)
		must(t, err)
	}
}

// referenceSchema makes the reference schema and returns a connection.
func referenceSchema(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	text, err := os.ReadFile("../../../shared/data/contact-history.sql")
	must(t, err)
	db, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close(context.Background())) })
	_, err = db.Exec(t.Context(), string(text))
	must(t, err)
	return db
}

// TestMemoryOfALargeAttachment exports two attachments of 960 MiB, one of which
// the database could compress, before and behind 10,000 small ones. PostgreSQL
// itself takes no value, and sends no row, of 1 GiB.
func TestMemoryOfALargeAttachment(t *testing.T) {
	const size = 960 << 20
	bin := filepath.Join(t.TempDir(), "cdds")
	tool(t, "go", "build", "-o", bin, ".")
	dsn := servers.Database(t)
	db := referenceSchema(t, dsn)
	const content = "insert into attachment (id, entityid, tenantid, thename, thesize, content) "
	for _, statement := range []string{
		`insert into interaction (id, tenantid, startdate, entitytypeid, mediatypeid, typeid, status) select 'i' || n, 101, timestamptz '2020-01-01Z' + n * interval '1 s', 0, 'email', 'Inbound', 3 from generate_series(1, 3) n`,
		content + fmt.Sprintf(`select 'noise', 'i1', 101, 'noise.bin', %d, string_agg(m.content, ''::bytea) from generate_series(1, 960), (select string_agg(sha512(n::text::bytea), ''::bytea) content from generate_series(1, 16384) n) m`, size),
		content + `select 'small' || n, 'i2', 101, 'small.bin', 10240, decode(repeat(md5(n::text), 640), 'hex') from generate_series(1, 10000) n`,
		content + fmt.Sprintf(`select 'text', 'i3', 101, 'long.txt', %d, convert_to(repeat('all work and no play makes a dull boy' || e'\n', %d), 'UTF8') || convert_to(repeat('x', %d), 'UTF8')`, size, size/38, size%38),
		"analyze",
	} {
		_, err := db.Exec(t.Context(), statement)
		must(t, err)
	}
	data, out := demo(t, "--interactions", "1", "--contacts", "1")
	if memory := exportAlone(t, bin, data, out, 10_005, "--source", dsn); memory > 160<<20 {
		t.Errorf("%d MiB, more than 160", memory>>20)
	}
	wanted := map[string]string{}
	rows, err := db.Query(t.Context(), "select id, encode(sha256(content), 'hex') from attachment")
	must(t, err)
	var id, sum string
	_, err = pgx.ForEachRow(rows, []any{&id, &sum}, func() error {
		wanted[id] = sum
		return nil
	})
	must(t, err)
	for id, sum := range contentSums(t, data, out.Key) {
		if wanted[id] != sum {
			t.Errorf("the content of %s has the SHA-256 %s, want %s", id, sum, wanted[id])
		}
		delete(wanted, id)
	}
	if len(wanted) != 0 {
		t.Errorf("%d attachments are missing", len(wanted))
	}
}

// contentSums opens the one artifact of a data folder and returns the SHA-256 of
// the content of each attachment, by its id.
func contentSums(t *testing.T, data, keyFile string) map[string]string {
	t.Helper()
	var path string
	must(t, filepath.WalkDir(filepath.Join(data, "artifacts"), func(p string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			path = p
		}
		return err
	}))
	text, err := os.ReadFile(keyFile)
	must(t, err)
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	plain, err := cms.Decrypt(bufio.NewReaderSize(file, 1<<20), nil, parsed.(*rsa.PrivateKey))
	must(t, err)
	sums := map[string]string{}
	must(t, export.ReadZip(plain, func(name string, content io.Reader) error {
		if !strings.Contains(name, "Attachment") {
			_, err := io.Copy(io.Discard, content)
			return err
		}
		return sumsOf(bufio.NewReaderSize(content, 1<<20), sums)
	}))
	return sums
}

// sumsOf reads lines that are longer than memory: {"id":"...", up to
// "content":"...base64..."}.
func sumsOf(r *bufio.Reader, sums map[string]string) error {
	for {
		head := []byte{}
		for !bytes.HasSuffix(head, []byte(`"content":"`)) {
			piece, err := r.ReadSlice('"')
			if err == io.EOF && len(head) == 0 && len(piece) == 0 {
				return nil
			}
			if err != nil {
				return err
			}
			head = append(head, piece...)
		}
		_, rest, _ := bytes.Cut(head, []byte(`{"id":"`))
		id, _, _ := bytes.Cut(rest, []byte(`"`))
		hash := sha256.New()
		if _, err := io.Copy(hash, base64.NewDecoder(base64.StdEncoding, &untilQuote{r: r})); err != nil {
			return err
		}
		sums[string(id)] = hex.EncodeToString(hash.Sum(nil))
		if _, err := r.ReadSlice('\n'); err != nil {
			return err
		}
	}
}

// untilQuote reads up to a quote, which it takes away.
type untilQuote struct {
	r     *bufio.Reader
	ended bool
}

func (u *untilQuote) Read(p []byte) (int, error) {
	if u.ended {
		return 0, io.EOF
	}
	if _, err := u.r.Peek(1); err != nil {
		return 0, err
	}
	ready, err := u.r.Peek(min(len(p), u.r.Buffered()))
	if err != nil {
		return 0, err
	}
	n := len(ready)
	if quote := bytes.IndexByte(ready, '"'); quote >= 0 {
		n, u.ended = quote, true
	}
	copy(p, ready[:n])
	skip := n
	if u.ended {
		skip++
	}
	_, err = u.r.Discard(skip)
	return n, err
}

// startProcess starts the real binary and returns its address.
func startProcess(t testing.TB, bin, data string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)...)
	log, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if m := regexp.MustCompile(`msg=listening url=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			go func() {
				for lines.Scan() { // the log must not fill its pipe
				}
			}()
			return cmd, m[1]
		}
	}
	t.Fatal("the service did not start")
	return nil, ""
}

// peakMemory is the most memory that a process had at a time, in bytes.
func peakMemory(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	must(t, err)
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			must(t, err)
			return kib << 10
		}
	}
	t.Fatal("the process has no peak memory")
	return 0
}

// TestKilledService kills the service with SIGKILL in the middle of an export:
// after a restart the run finishes, and its records are those of the window.
func TestKilledService(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "cdds")
	tool(t, "go", "build", "-o", bin, ".")
	const interactions = 200_000
	data, out := demo(t, "--interactions", strconv.Itoa(interactions), "--contacts", "1000")
	process, url := startProcess(t, bin, data)
	c := (&runningService{url: url}).signIn(t, out.Username, out.Password)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"splitSize": 1 << 20}), &job)
	var r runAnswer
	for r.Progress.Records < interactions/4 {
		c.ok("GET", "/runs/"+job.LatestRun.ID, nil, &r)
	}
	must(t, process.Process.Kill())
	if err := process.Wait(); err == nil {
		t.Fatal("the service ended by itself")
	}
	s := serve(t, "--data", data)
	c = s.signIn(t, out.Username, out.Password)
	r = finished(t, c.await(job.LatestRun.ID))
	_, _, manifest := c.do("GET", "/runs/"+r.ID+"/manifest", nil, nil)
	var m struct{ Records map[string]int64 }
	must(t, json.Unmarshal(manifest, &m))
	if m.Records["interaction"] != interactions {
		t.Errorf("%v records", m.Records)
	}
	if len(r.Attempts) != 2 {
		t.Errorf("%d attempts", len(r.Attempts))
	}
	files := 0
	must(t, filepath.Walk(filepath.Join(data, "artifacts"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			files++
		}
		return err
	}))
	if n := len(c.artifacts(r.ID)); n != files {
		t.Errorf("%d artifacts and %d files", n, files)
	}
}
