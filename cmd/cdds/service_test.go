package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cdds/pgtest"
)

var servers pgtest.Pool

// TestMain runs the tests, and then looks for secrets in all that was said. A
// process that a test starts is the command itself.
func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(samples.remove(os.Stderr, spoken.judge(os.Stderr, servers.Main(m))))
}

// waitTime bounds every wait of these tests.
const waitTime = 3 * time.Minute

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// command runs a command line in this process and returns its output, its
// errors and its exit code.
func command(t testing.TB, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	spoken.argumentSecrets(args, stdin)
	code = run(t.Context(), args, streams{In: strings.NewReader(stdin), Out: &out, Err: &errs})
	name := strings.Join(args[:min(1, len(args))], "")
	spoken.output(t.Name()+" cdds "+name, errs.String())
	if name == "token" {
		spoken.answerSecrets(out.String())
	}
	return out.String(), errs.String(), code
}

// commandOK runs a command line that must succeed and returns its output.
func commandOK(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	out, errs, code := command(t, stdin, args...)
	if code != 0 {
		t.Fatalf("cdds %s: exit code %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

// runningService is a running cdds serve.
type runningService struct {
	url  string
	stop func()
	log  *strings.Builder
}

// serve starts the service on a free port and stops it at the end of the test.
func serve(t testing.TB, args ...string) *runningService {
	t.Helper()
	spoken.argumentSecrets(args, "")
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	exited := make(chan int, 1)
	go func() {
		code := run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), streams{In: strings.NewReader(""), Out: writer, Err: writer})
		writer.Close()
		exited <- code
	}()
	s := &runningService{log: &strings.Builder{}}
	urls := make(chan string, 1)
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		lines := bufio.NewScanner(reader)
		address := regexp.MustCompile(`msg=listening url=(\S+)`)
		for lines.Scan() {
			fmt.Fprintln(s.log, lines.Text())
			if m := address.FindStringSubmatch(lines.Text()); m != nil {
				urls <- m[1]
			}
		}
	}()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if code := <-exited; code != 0 {
			t.Errorf("cdds serve ended with exit code %d", code)
		}
		<-logged
		spoken.output(t.Name(), s.log.String())
	}
	t.Cleanup(s.stop)
	select {
	case s.url = <-urls:
	case <-logged:
		t.Fatalf("cdds serve ended at once:\n%s", s.log)
	case <-time.After(waitTime):
		t.Fatal("cdds serve did not start to listen")
	}
	return s
}

// client is a signed-in user.
type client struct {
	t    testing.TB
	base string
	http *http.Client
}

// signIn signs a user in.
func (s *runningService) signIn(t testing.TB, username, password string) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	c := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Jar: jar, Timeout: waitTime}}
	c.ok("POST", "/session", map[string]any{"username": username, "password": password}, nil)
	spoken.secret("password", password)
	return c
}

// do sends a request and returns status, headers and body.
func (c *client) do(method, path string, body any, header map[string]string) (int, http.Header, []byte) {
	c.t.Helper()
	var reader io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		reader, kind = bytes.NewReader(b), "application/octet-stream"
	case json.RawMessage:
		reader = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		must(c.t, err)
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, reader)
	must(c.t, err)
	req.Header.Set("Content-Type", kind)
	for key, value := range header {
		req.Header.Set(key, value)
	}
	resp, err := c.http.Do(req)
	must(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(c.t, err)
	for _, cookie := range resp.Cookies() {
		spoken.secret("session cookie", cookie.Value)
	}
	if method == http.MethodPost && resp.StatusCode == http.StatusCreated {
		spoken.answerSecrets(string(text))
	}
	return resp.StatusCode, resp.Header, text
}

// ok sends a request that must succeed and decodes the answer.
func (c *client) ok(method, path string, body, into any) {
	c.t.Helper()
	status, _, text := c.do(method, path, body, nil)
	if status >= 300 {
		c.t.Fatalf("%s %s: status %d: %s", method, path, status, text)
	}
	if into != nil {
		must(c.t, json.Unmarshal(text, into))
	}
}

// problem is an error answer.
type problem struct {
	Status             int
	Code, Detail, Hint string
	Errors             []struct{ Field, Message string }
}

// fails sends a request that must be refused with a status.
func (c *client) fails(status int, method, path string, body any) problem {
	c.t.Helper()
	got, header, text := c.do(method, path, body, nil)
	if got != status {
		c.t.Fatalf("%s %s: status %d in place of %d: %s", method, path, got, status, text)
	}
	if kind := header.Get("Content-Type"); kind != "application/problem+json" {
		c.t.Fatalf("%s %s: an error of type %s", method, path, kind)
	}
	var p problem
	must(c.t, json.Unmarshal(text, &p))
	return p
}

// The answers, as far as these tests look at them.
type (
	jobAnswer struct {
		ID, State, Title string
		NextStartsAt     *time.Time
		LatestRun        *runAnswer
	}
	runAnswer struct {
		ID, JobID, State                    string
		NoData                              bool
		JobDeleted                          bool
		RetryOf                             *string
		ScheduledFor, StartedAt, FinishedAt time.Time
		Window                              struct{ Start, End *time.Time }
		Progress                            struct{ Records, Bytes int64 }
		Attempts                            []struct{ Error *string }
		Error                               *struct{ Code, Message, Hint string }
		Job                                 json.RawMessage
	}
	artifactAnswer struct {
		ID, RunID, Name, SHA256 string
		Size                    int64
		Part, Parts             int
		RemainingDays           int
	}
	list[T any] struct {
		Items      []T
		Total      int64
		NextCursor *string
	}
)

// object is a JSON object of a request.
type object = map[string]any

// jobBody is a job that runs once, now; changes are merged in.
func jobBody(changes object) object {
	body := object{"title": "A job", "source": "contact_history", "type": "interaction", "mediaTypes": nil,
		"schedule": object{"kind": "once", "startAt": nil}, "timeframe": object{"kind": "all", "by": "startDate"}, "splitSize": nil, "settlingMinutes": 0}
	for key, value := range changes {
		body[key] = value
	}
	return body
}

// export saves a job that runs at once and waits for its run to end.
func (c *client) export(changes object) runAnswer {
	c.t.Helper()
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(changes), &job)
	var runs list[runAnswer]
	c.ok("GET", "/runs?job="+job.ID, nil, &runs)
	if len(runs.Items) != 1 {
		c.t.Fatalf("a one-time job has %d runs", len(runs.Items))
	}
	return c.await(runs.Items[0].ID)
}

// await waits until a run has ended.
func (c *client) await(id string) runAnswer {
	c.t.Helper()
	return c.awaitWithin(id, waitTime)
}

// awaitWithin waits so long at most.
func (c *client) awaitWithin(id string, most time.Duration) runAnswer {
	c.t.Helper()
	deadline := time.Now().Add(most)
	for {
		var r runAnswer
		c.ok("GET", "/runs/"+id, nil, &r)
		if r.State != "queued" && r.State != "in_progress" {
			return r
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("run %s is still %s", id, r.State)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// finished fails the test unless a run has finished.
func finished(t testing.TB, r runAnswer) runAnswer {
	t.Helper()
	if r.State != "finished" {
		t.Fatalf("the run is %s: %+v", r.State, r.Error)
	}
	return r
}

// artifacts lists a run's artifacts by part.
func (c *client) artifacts(runID string) []artifactAnswer {
	c.t.Helper()
	var all []artifactAnswer
	cursor := ""
	for {
		var page list[artifactAnswer]
		c.ok("GET", "/artifacts?sort=name&limit=100&run="+runID+cursor, nil, &page)
		all = append(all, page.Items...)
		if page.NextCursor == nil {
			return all
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// download writes an artifact in one of its forms to a file.
func (c *client) download(a artifactAnswer, form, dir string) string {
	c.t.Helper()
	status, header, text := c.do("GET", "/artifacts/"+a.ID+"/content?form="+form, nil, nil)
	if status != http.StatusOK {
		c.t.Fatalf("download: status %d", status)
	}
	_, name, _ := strings.Cut(header.Get("Content-Disposition"), `filename="`)
	path := filepath.Join(dir, strings.TrimSuffix(name, `"`))
	must(c.t, os.WriteFile(path, text, 0o600))
	return path
}

// tool runs another program, such as openssl.
func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// firstError waits until an attempt of a run has failed.
func (c *client) firstError(id string) runAnswer {
	c.t.Helper()
	for deadline := time.Now().Add(waitTime); ; time.Sleep(20 * time.Millisecond) {
		var r runAnswer
		c.ok("GET", "/runs/"+id, nil, &r)
		if r.Error != nil || len(r.Attempts) > 0 && r.Attempts[0].Error != nil {
			c.ok("GET", "/runs/"+id, nil, &r) // run and attempts are two reads, and an end may lie between them
			return r
		}
		if time.Now().After(deadline) || r.State == "finished" {
			c.t.Fatalf("no attempt of run %s failed: it is %s", id, r.State)
		}
	}
}
