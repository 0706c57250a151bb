package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"cdds"
)

// between puts a proxy between the service and an S3 server. What do returns
// true for goes through.
func (s *s3Store) between(do func(w http.ResponseWriter, r *http.Request) bool) string {
	s.t.Helper()
	// The host that was signed is the proxy's, and the server checks it.
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", s.address, r.In.Host
	}}
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if do(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	s.t.Cleanup(proxy.Close)
	return "s3://" + s3Bucket + "?use_path_style=true&endpoint=" + url.QueryEscape(proxy.URL)
}

// unfinished lists the keys of the uploads that have neither ended nor been
// aborted.
func (s *s3Store) unfinished() []string {
	s.t.Helper()
	out, err := s.client.ListMultipartUploads(s.t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(s3Bucket)})
	must(s.t, err)
	var found []string
	for _, u := range out.Uploads {
		found = append(found, *u.Key)
	}
	return found
}

// begin begins an upload and leaves it.
func (s *s3Store) begin(key string) {
	s.t.Helper()
	_, err := s.client.CreateMultipartUpload(s.t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(s3Bucket), Key: aws.String(key)})
	must(s.t, err)
}

// bulky makes a Contact History whose export is some 40 MB, three pieces of an
// upload: texts that do not compress well.
func bulky(t testing.TB) string {
	t.Helper()
	dsn, db := emptyHistory(t)
	_, err := db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
		select 'i' || n, 101, 7, 'webform', 'Inbound', 3, '2020-01-01', (select string_agg(md5(n || '-' || m), '') from generate_series(1, 60000) m)
		from generate_series(1, 36) n`)
	must(t, err)
	return dsn
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitTime); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", waitTime, what)
		}
	}
}

// TestKilledInAnUpload kills the service while the second piece of an upload is
// on its way. After the next start the run finishes, and neither an object nor
// an upload of the lost attempt is left.
func TestKilledInAnUpload(t *testing.T) {
	store := newS3(t)
	var pieces atomic.Int64
	reached, on := make(chan struct{}), make(chan struct{})
	location := store.between(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.URL.Query().Has("partNumber") && pieces.Add(1) == 2 {
			close(reached)
			<-on
		}
		return true
	})
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	args := []string{"--data", data, "--source", bulky(t), "--artifacts", location, "--sweep-every", "1s"}
	p := start(t, 0o077, store.env, args...)
	var job jobAnswer
	p.signIn(t, out.Username, out.Password).ok("POST", "/jobs", jobBody(nil), &job)
	<-reached
	p.kill()
	close(on)
	if left := store.unfinished(); len(left) != 1 {
		t.Fatalf("uploads after the kill: %v", left)
	}
	c := start(t, 0o077, store.env, args...).signIn(t, out.Username, out.Password)
	r := finished(t, c.await(job.LatestRun.ID))
	files := c.artifacts(r.ID)
	if len(files) != 1 || r.Progress.Records != 36 || files[0].Size < 2<<24 {
		t.Fatalf("%d records in %+v", r.Progress.Records, files)
	}
	eventually(t, "the lost upload is aborted", func() bool { return len(store.unfinished()) == 0 })
	setAll(t, store.env)
	if stored := keys(t, location); len(stored) != 1 || !strings.Contains(stored[0], "attempt-2") {
		t.Errorf("stored: %v", stored)
	}
	dir := t.TempDir()
	openArtifact(t, c.download(files[0], "der", dir), out.Key, dir)
}

// TestGivenUpUpload cancels a run in mid-upload: the upload goes with it, at
// once and without the sweep.
func TestGivenUpUpload(t *testing.T) {
	store := newS3(t)
	setAll(t, store.env)
	reached := make(chan struct{})
	var once sync.Once
	location := store.between(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || r.URL.Query().Get("partNumber") != "2" {
			return true
		}
		once.Do(func() { close(reached) })
		// The body must be read for the end of the connection to be seen.
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			<-r.Context().Done()
		}
		return false
	})
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	c := serve(t, "--data", data, "--source", bulky(t), "--artifacts", location, "--sweep-every", "24h").signIn(t, out.Username, out.Password)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(nil), &job)
	<-reached
	if len(store.unfinished()) != 1 {
		t.Error("there is no upload to give up")
	}
	c.ok("POST", "/runs/"+job.LatestRun.ID+"/cancel", nil, nil)
	eventually(t, "the upload is aborted", func() bool { return len(store.unfinished()) == 0 })
	if left := keys(t, location); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestSweepOfUploads: what lost workers of our runs left is aborted, with and
// without a run; what belongs to others stays.
func TestSweepOfUploads(t *testing.T) {
	store := newS3(t)
	setAll(t, store.env)
	data, out := demo(t, "--interactions", "20", "--contacts", "5")
	location := store.url + "&prefix=ours"
	s := serve(t, "--data", data, "--artifacts", location)
	r := finished(t, s.signIn(t, out.Username, out.Password).export(nil))
	s.stop()
	tenant := strings.Split(keys(t, location)[0], "/")[1]
	kept := []string{"ours/else", "ours/" + cdds.ArtifactPrefix("another", "r", 1) + "a", cdds.ArtifactPrefix(tenant, r.ID, 1) + "a"}
	for _, key := range append([]string{"ours/" + cdds.ArtifactPrefix(tenant, r.ID, 1) + "a", "ours/" + cdds.ArtifactPrefix(tenant, "unknown", 1) + "a"}, kept...) {
		store.begin(key)
	}
	serve(t, "--data", data, "--artifacts", location)
	eventually(t, "two uploads are aborted", func() bool { return len(store.unfinished()) == len(kept) })
	left := store.unfinished()
	slices.Sort(left)
	slices.Sort(kept)
	if !slices.Equal(left, kept) {
		t.Errorf("left: %v", left)
	}
}

// TestStoreFailsNowAndThen has every fifth request fail, in turns by an error and
// by a connection that ends, and kills the store midway: the run finishes, and
// is whole.
func TestStoreFailsNowAndThen(t *testing.T) {
	store := newS3(t)
	setAll(t, store.env)
	t.Setenv("AWS_MAX_ATTEMPTS", "3")
	var asked, stored atomic.Int64
	third, dead := make(chan struct{}), make(chan struct{})
	location := store.between(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && stored.Add(1) == 3 {
			close(third)
			<-dead
		}
		switch asked.Add(1) % 10 {
		case 4:
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		case 9:
			panic(http.ErrAbortHandler)
		}
		return true
	})
	data, out := demo(t, "--interactions", "12000", "--contacts", "50")
	c := serve(t, "--data", data, "--artifacts", location).signIn(t, out.Username, out.Password)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"splitSize": 1 << 20}), &job)
	<-third
	store.kill()
	close(dead)
	if r := c.firstError(job.LatestRun.ID); !strings.Contains(*r.Attempts[0].Error, "The artifact storage did not do what it was asked for.") {
		t.Errorf("the attempt says %q", *r.Attempts[0].Error)
	}
	store.start()
	r := finished(t, c.await(job.LatestRun.ID))
	dir := t.TempDir()
	files := c.artifacts(r.ID)
	for i, a := range files {
		if a.Part != i+1 || a.Parts != len(files) {
			t.Errorf("artifact %d of %d is part %d of %d", i+1, len(files), a.Part, a.Parts)
		}
		openArtifact(t, c.download(a, "der", dir), out.Key, dir)
	}
	if n := exported(t, "interaction", filepath.Join(dir, "Interaction-[0-9a-f]*.json")).total(); n != 12000 || len(files) < 3 {
		t.Errorf("%d records in %d artifacts", n, len(files))
	}
	if left := store.unfinished(); len(left) > 0 {
		t.Errorf("uploads are left: %v", left)
	}
}

// TestStoreThatRefuses: with a wrong key, without the bucket, or with nobody
// there, the run, /readyz and doctor each say what is wrong and what to do, and
// the service lives on.
func TestStoreThatRefuses(t *testing.T) {
	store := newS3(t)
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	for name, test := range map[string]struct{ location, secret, says, hint string }{
		"wrong key":    {store.url, "another-secret-key-than-the-right", "refuses the service's credentials", "docs/storage.md"},
		"no bucket":    {strings.Replace(store.url, s3Bucket, "elsewhere", 1), "", "The bucket of the artifact storage is not there", "--artifacts"},
		"nobody there": {"s3://artifacts?endpoint=http://" + freeAddress(t) + "&use_path_style=true", "", "did not do what it was asked for", "is up"},
	} {
		t.Run(name, func(t *testing.T) {
			setAll(t, store.env)
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			if test.secret != "" {
				t.Setenv("AWS_SECRET_ACCESS_KEY", test.secret)
				spoken.secret("secret key of a bucket", test.secret)
			}
			s := serve(t, "--data", data, "--artifacts", test.location)
			c := s.signIn(t, out.Username, out.Password)
			var job jobAnswer
			c.ok("POST", "/jobs", jobBody(nil), &job)
			if r := c.firstError(job.LatestRun.ID); !strings.Contains(*r.Attempts[0].Error, test.says) {
				t.Errorf("the run says %q", *r.Attempts[0].Error)
			}
			c.ok("POST", "/runs/"+job.LatestRun.ID+"/cancel", nil, nil)
			resp, err := http.Get(s.url + "/readyz")
			must(t, err)
			var ready struct {
				Checks []struct{ Name, Detail, Hint string }
			}
			must(t, json.NewDecoder(resp.Body).Decode(&ready))
			must(t, resp.Body.Close())
			last := ready.Checks[len(ready.Checks)-1]
			if resp.StatusCode != http.StatusServiceUnavailable || last.Name != "artifact storage" || !strings.Contains(last.Detail, test.says) || !strings.Contains(last.Hint, test.hint) {
				t.Errorf("/readyz: %d %+v", resp.StatusCode, ready)
			}
			s.stop()
			if _, errs, code := command(t, "", "verify", "--data", data, "--artifacts", test.location); code != 1 || !strings.Contains(errs, test.says) {
				t.Errorf("verify: %d %s", code, errs)
			}
			if found, code := examine(t, "--data", data, "--artifacts", test.location); code != 1 || !strings.Contains(found["artifact storage"].Detail, test.says) || !strings.Contains(found["artifact storage"].Remedy, test.hint) {
				t.Errorf("doctor: %d %+v", code, found["artifact storage"])
			}
		})
	}
}
