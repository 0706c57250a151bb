package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gcs "cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"

	"cdds"
)

// setAll sets variables for this process and the test.
func setAll(t *testing.T, env []string) {
	t.Helper()
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// The account that every Azurite knows, and its key, which Microsoft publishes.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// startAzure starts a server of Azure Blob Storage with an empty container. It
// returns what startS3 does.
func startAzure(t testing.TB) (location string, env []string) {
	t.Helper()
	address, root, program := freeAddress(t), t.TempDir(), storeTool(t, "azurite-3.37.0/node_modules/azurite/dist/src/blob/main.js")
	_, port, _ := strings.Cut(address, ":")
	startStore(t, address, func() *exec.Cmd {
		return exec.Command("node", program, "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobPort", port, "--location", root)
	})
	spoken.secret("key of a storage account", azuriteKey)
	link := "DefaultEndpointsProtocol=http;AccountName=" + azuriteAccount + ";AccountKey=" + azuriteKey + ";BlobEndpoint=http://" + address + "/" + azuriteAccount + ";"
	client, err := container.NewClientFromConnectionString(link, "artifacts", nil)
	must(t, err)
	_, err = client.Create(t.Context(), nil)
	must(t, err)
	return "azblob://artifacts?protocol=http&domain=" + address, []string{"AZURE_STORAGE_ACCOUNT=" + azuriteAccount, "AZURE_STORAGE_KEY=" + azuriteKey}
}

// startGCS starts a server of Google Cloud Storage with an empty bucket. It
// returns what startS3 does.
func startGCS(t testing.TB) (location string, env []string) {
	t.Helper()
	address, root, program := freeAddress(t), t.TempDir(), storeTool(t, "fake-gcs-server-v1.56.1")
	_, port, _ := strings.Cut(address, ":")
	startStore(t, address, func() *exec.Cmd {
		return exec.Command(program, "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-public-host", address, "-external-url", "http://"+address, "-filesystem-root", root, "-log-level", "error")
	})
	body := strings.NewReader(`{"name":"artifacts"}`)
	resp, err := http.Post("http://"+address+"/storage/v1/b?project=tests", "application/json", body)
	must(t, err)
	must(t, resp.Body.Close())
	return "gs://artifacts", []string{"STORAGE_EMULATOR_HOST=" + address}
}

// keys lists what the bucket of a storage holds, without its prefix.
func keys(t testing.TB, location string) []string {
	t.Helper()
	s, err := openStorage(t.Context(), location)
	must(t, err)
	defer s.bucket.Close()
	var found []string
	for list := s.bucket.List(&blob.ListOptions{}); ; {
		object, err := list.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return found
		}
		must(t, err)
		found = append(found, object.Key)
	}
}

// TestObjectStores runs the service over each kind of object store: an unsplit
// and a split export, their records, downloads whole and in pieces, and deletion.
func TestObjectStores(t *testing.T) {
	for name, begin := range map[string]func(testing.TB) (string, []string){"s3": startS3, "azblob": startAzure, "gs": startGCS} {
		t.Run(name, func(t *testing.T) {
			location, env := begin(t)
			setAll(t, env)
			throughTheService(t, name, location+map[bool]string{true: "&", false: "?"}[strings.Contains(location, "?")]+"prefix=exports/of%20cdds")
			if name != "gs" && len(keys(t, location)) > 0 { // the emulator leaves nothing either, but keeps folders
				t.Errorf("left in the bucket: %v", keys(t, location))
			}
		})
	}
}

// throughTheService is TestObjectStores for one store.
func throughTheService(t *testing.T, name, location string) {
	data, out := demo(t, "--interactions", "6000", "--contacts", "50")
	if found, code := examine(t, "--data", data, "--artifacts", location); code != 0 || !found["artifact storage"].OK {
		t.Errorf("doctor: exit code %d, %+v", code, found["artifact storage"])
	}
	s := serve(t, "--data", data, "--artifacts", location)
	c := s.signIn(t, out.Username, out.Password)
	resp, err := http.Get(s.url + "/readyz")
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		t.Errorf("/readyz: status %d", resp.StatusCode)
	}
	whole, parts := finished(t, c.export(nil)), finished(t, c.export(object{"splitSize": 1 << 20}))
	var sums []digests
	for _, r := range []runAnswer{whole, parts} {
		dir := t.TempDir()
		for i, a := range c.artifacts(r.ID) {
			openArtifact(t, c.download(a, []string{"der", "smime"}[i%2], dir), out.Key, dir)
		}
		sums = append(sums, exported(t, "interaction", filepath.Join(dir, "Interaction-[0-9a-f]*.json")))
	}
	equalRecords(t, "interaction", sums[1], sums[0])
	files := append(c.artifacts(whole.ID), c.artifacts(parts.ID)...)
	if len(files) < 3 {
		t.Fatalf("%d artifacts", len(files))
	}
	inPieces(t, c, files[0])
	stored := keys(t, location)
	if len(stored) != len(files) {
		t.Errorf("%d objects of %d artifacts: %v", len(stored), len(files), stored)
	}
	for _, key := range stored {
		if _, _, ours := cdds.ParseArtifactKey(key); !ours || !strings.HasPrefix(key, cdds.ArtifactRoot) {
			t.Errorf("%s is not below a tenant", key)
		}
	}
	commandOK(t, "", "verify", "--data", data, "--artifacts", location)
	for _, a := range files {
		c.ok("DELETE", "/artifacts/"+a.ID, nil, nil)
	}
	if left := keys(t, location); len(left) > 0 {
		t.Errorf("%s: left after all were deleted: %v", name, left)
	}
}

// inPieces downloads a file whole and in pieces.
func inPieces(t *testing.T, c *client, a artifactAnswer) {
	t.Helper()
	path := "/artifacts/" + a.ID + "/content"
	status, header, text := c.do("GET", path, nil, nil)
	sum := sha256.Sum256(text)
	if status != http.StatusOK || hex.EncodeToString(sum[:]) != a.SHA256 || header.Get("ETag") != `"`+a.SHA256+`"` {
		t.Fatalf("status %d, %d bytes, %v", status, len(text), header)
	}
	for _, piece := range []struct {
		asked, unless string
		from, to      int
	}{{"bytes=1000-1999", header.Get("ETag"), 1000, 2000}, {"bytes=-500", "", len(text) - 500, len(text)}, {"bytes=100000-", "", 100000, len(text)}} {
		asked := map[string]string{"Range": piece.asked}
		if piece.unless != "" {
			asked["If-Range"] = piece.unless
		}
		status, _, got := c.do("GET", path, nil, asked)
		if status != http.StatusPartialContent || string(got) != string(text[piece.from:piece.to]) {
			t.Errorf("%s gave status %d and %d bytes", piece.asked, status, len(got))
		}
	}
	if status, _, got := c.do("GET", path, nil, map[string]string{"Range": "bytes=1-2", "If-Range": `"another"`}); status != http.StatusOK || len(got) != len(text) {
		t.Errorf("a range of another file gave status %d", status)
	}
}

// TestPresignedDownloads has the store serve downloads: with the file's name,
// after the rights were checked, with an audit line, and not for ever.
func TestPresignedDownloads(t *testing.T) {
	for name, begin := range map[string]func(testing.TB) (string, []string){"s3": startS3, "azblob": startAzure} {
		t.Run(name, func(t *testing.T) {
			location, env := begin(t)
			setAll(t, env)
			data, out := demo(t, "--interactions", "2000", "--contacts", "50")
			s := serve(t, "--data", data, "--artifacts", location, "--presigned-downloads", "5m")
			c := s.signIn(t, out.Username, out.Password)
			a := c.artifacts(finished(t, c.export(nil)).ID)[0]
			linked(t, c, a)
			_, header, text := c.do("GET", "/artifacts/"+a.ID+"/content?form=smime", nil, nil)
			if header.Get("ETag") != `"`+a.SHA256+`-smime"` || int64(len(text)) <= a.Size {
				t.Error("the text form does not come from the service")
			}
			var audit list[struct{ Action, Object, Detail string }]
			c.ok("GET", "/audit?action=artifact.download", nil, &audit)
			if len(audit.Items) == 0 || !strings.Contains(audit.Items[len(audit.Items)-1].Detail, a.Name+" (link)") {
				t.Errorf("the audit log says %+v", audit.Items)
			}
			nobody := &client{t: t, base: c.base, http: &http.Client{}}
			nobody.fails(http.StatusUnauthorized, "GET", "/artifacts/"+a.ID+"/content", nil)
		})
	}
}

// linked follows the link of a download.
func linked(t *testing.T, c *client, a artifactAnswer) {
	t.Helper()
	still := &client{t: t, base: c.base, http: &http.Client{Jar: c.http.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	status, header, body := still.do("GET", "/artifacts/"+a.ID+"/content", nil, nil)
	link := header.Get("Location")
	place, err := url.Parse(link)
	must(t, err)
	spoken.secret("signed link", place.RawQuery)
	if status != http.StatusTemporaryRedirect || len(body) != 0 || header.Get("Cache-Control") != "no-store" || place.Host == strings.TrimPrefix(c.base, "http://") {
		t.Fatalf("status %d, headers %v", status, header)
	}
	get := func(address string, head map[string]string) (int, http.Header, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		must(t, err)
		for key, value := range head {
			req.Header.Set(key, value)
		}
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, resp.Header, string(text)
	}
	status, header, text := get(link, nil)
	if sum := sha256.Sum256([]byte(text)); status != http.StatusOK || hex.EncodeToString(sum[:]) != a.SHA256 || header.Get("Content-Disposition") != `attachment; filename="`+a.Name+`"` || header.Get("ETag") == "" {
		t.Fatalf("the store answers %d with %d bytes and %v", status, len(text), header)
	}
	if status, _, piece := get(link, map[string]string{"Range": "bytes=100-199", "If-Range": header.Get("ETag")}); status != http.StatusPartialContent || piece != text[100:200] {
		t.Errorf("a range gave status %d and %d bytes", status, len(piece))
	}
	if status, _, _ := get(strings.Replace(link, "1.zip", "2.zip", 1)+"0", nil); status < 400 {
		t.Errorf("a changed link gave status %d", status)
	}
	if status, _, _ := get("http://"+place.Host+place.Path, nil); status < 400 {
		t.Errorf("without its signature the link gave status %d", status)
	}
}

// TestPresignedRefusals: what cannot sign is refused at the start.
func TestPresignedRefusals(t *testing.T) {
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	location, env := startGCS(t)
	setAll(t, env)
	for _, test := range []struct{ location, lifetime, says string }{
		{filepath.Join(data, "artifacts"), "5m", "A folder cannot serve downloads"},
		{"s3://bucket?region=eu-central-1", "2h", "cannot be good for that long"},
		{"s3://bucket?region=eu-central-1", "1s", "cannot be good for that long"},
		{location, "5m", "signs no links"},
	} {
		_, errs, code := command(t, "", "serve", "--listen", "127.0.0.1:0", "--data", data, "--artifacts", test.location, "--presigned-downloads", test.lifetime)
		if code != 2 || !strings.Contains(errs, test.says) {
			t.Errorf("%s, %s: exit code %d: %s", test.location, test.lifetime, code, errs)
		}
	}
}

// TestStorageURLs: what is no storage is refused by every command that takes
// one, with what would be one, and without what was typed.
func TestStorageURLs(t *testing.T) {
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	t.Setenv("AZURE_STORAGE_ACCOUNT", "")
	for location, says := range map[string]string{
		"ftp://host/" + hidden:                               "s3://BUCKET",
		"s3://" + hidden:                                     "region",
		"s3://user:" + hidden + "@bucket":                    "Credentials come from the environment",
		"s3://bucket/" + hidden:                              "?prefix=FOLDER",
		"s3://bucket?region=a&secret_access_key=" + hidden:   "It takes: region, endpoint, use_path_style, ssetype, kmskeyid, storage_class, prefix",
		"s3://bucket?region=a&region=" + hidden:              "region of the artifact storage's URL needs one value",
		"s3://bucket?region=a&ssetype=" + hidden:             "AES256, aws:kms, aws:kms:dsse",
		"s3://bucket?region=a&kmskeyid=" + hidden:            "ssetype=aws:kms",
		"s3://bucket?region=a&storage_class=DEEP_ARCHIVE":    "STANDARD_IA",
		"s3://bucket?region=a&use_path_style=" + hidden:      "neither true nor false",
		"s3://bucket?endpoint=http://a:" + hidden + "@b":     "without credentials",
		"s3://bucket?%zz=" + hidden:                          "cannot be read",
		"gs://bucket?region=" + hidden:                       "It takes: kmskeyid, storage_class, prefix",
		"gs://bucket?storage_class=" + hidden:                "NEARLINE",
		"azblob://c?sas=" + hidden:                           "It takes: storage_account, domain",
		"azblob://c":                                         "AZURE_STORAGE_ACCOUNT",
		"azblob://c?storage_account=a&storage_class=Archive": "Hot, Cool, Cold",
		"file://host/" + hidden:                              "file:///absolute/path",
		"file:///tmp/x?prefix=" + hidden:                     "takes no parameters",
	} {
		for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"verify"}} {
			_, errs, code := command(t, "", append(args, "--data", data, "--artifacts", location)...)
			if code != 2 || !strings.Contains(errs, says) || strings.Contains(errs, hidden) {
				t.Errorf("%s %s: exit code %d: %s", args[0], location, code, errs)
			}
		}
	}
	if _, err := os.Stat("s3:"); err == nil {
		t.Error("a URL was taken for a folder")
	}
}

// TestStoreOptions: what the URL says of encryption and class reaches the stores'
// libraries.
func TestStoreOptions(t *testing.T) {
	t.Setenv("AZURE_STORAGE_KEY", azuriteKey)
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
	azure, err := openStorage(t.Context(), "azblob://c?storage_account=a&storage_class=Cool&encryption_scope=ours")
	must(t, err)
	google, err := openStorage(t.Context(), "gs://b?storage_class=NEARLINE&kmskeyid=projects/p/locations/l/keyRings/r/cryptoKeys/k")
	must(t, err)
	seen := 0
	for _, s := range []*storage{azure, google} {
		before := s.beforeWrite
		_, err := s.bucket.NewWriter(t.Context(), "k", &blob.WriterOptions{ContentType: "a/b", DisableContentTypeDetection: true, BeforeWrite: func(as func(any) bool) error {
			must(t, before(as))
			optionsAre(t, as)
			seen++
			return errors.New("enough")
		}})
		if err == nil {
			t.Error("the writer was made")
		}
	}
	if seen != 2 {
		t.Errorf("%d stores were looked at", seen)
	}
}

// TestS3Options: what the URL says of encryption, class and prefix reaches S3, for
// a file of one piece and for one of several.
func TestS3Options(t *testing.T) {
	setAll(t, []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=" + hidden})
	var mu sync.Mutex
	said := map[string]http.Header{}
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !r.URL.Query().Has("uploadId") {
			said[r.Method+" "+r.URL.Path] = r.Header
		}
		w.Header().Set("ETag", `"e"`)
		if r.Method == http.MethodPost {
			fmt.Fprint(w, "<R><UploadId>u</UploadId><ETag>e</ETag></R>")
		}
	}))
	t.Cleanup(store.Close)
	s, err := openStorage(t.Context(), "s3://b?use_path_style=true&ssetype=aws:kms&kmskeyid=ours&storage_class=STANDARD_IA&prefix=p&endpoint="+url.QueryEscape(store.URL))
	must(t, err)
	for key, size := range map[string]int{"small": 10, "large": 17 << 20} {
		must(t, s.bucket.WriteAll(t.Context(), key, make([]byte, size), &blob.WriterOptions{ContentType: "a/b", BeforeWrite: s.beforeWrite}))
	}
	for _, asked := range []string{"PUT /b/p/small", "POST /b/p/large"} {
		for name, want := range map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "ours", "X-Amz-Storage-Class": "STANDARD_IA"} {
			if got := said[asked].Get(name); got != want {
				t.Errorf("%s: %s is %q", asked, name, got)
			}
		}
	}
}

// optionsAre checks the options of one write.
func optionsAre(t *testing.T, as func(any) bool) {
	t.Helper()
	var w *gcs.Writer
	if as(&w) {
		if w.StorageClass != "NEARLINE" || w.KMSKeyName != "projects/p/locations/l/keyRings/r/cryptoKeys/k" {
			t.Errorf("%s %s", w.StorageClass, w.KMSKeyName)
		}
		return
	}
	tier, scope := azureOptions(t, as)
	if tier != "Cool" || scope != "ours" {
		t.Errorf("%s %s", tier, scope)
	}
}

// azureOptions returns the tier and the encryption scope of one write.
func azureOptions(t *testing.T, as func(any) bool) (tier, scope string) {
	t.Helper()
	var options *azblob.UploadStreamOptions
	if !as(&options) {
		t.Fatal("a store of no known kind")
	}
	return string(*options.AccessTier), *options.CPKScopeInfo.EncryptionScope
}
