package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// officer is a person with a key pair that openssl has made.
type officer struct{ certificate, key string }

func newOfficer(t testing.TB, name string, days string) officer {
	t.Helper()
	dir := t.TempDir()
	o := officer{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	tool(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", o.key, "-out", o.certificate, "-days", days, "-subj", "/CN="+name)
	return o
}

// encryptedTo is what an artifact and a manifest say about their recipients.
type encryptedTo struct {
	Recipients []string
	Encryption string
}

// TestEncryptionByChoice exports in both ways to an owner and two recipients of
// the tenant. Each of the three opens both forms with openssl and with cdds
// decrypt, and gets the same files.
func TestEncryptionByChoice(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "300", "--contacts", "20")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	escrow, second := newOfficer(t, "escrow", "400"), newOfficer(t, "second", "5")
	pem, err := os.ReadFile(escrow.certificate)
	must(t, err)
	c.ok("POST", "/recipients", object{"title": "Escrow", "certificate": string(pem)}, nil)
	c.fails(409, "POST", "/recipients", object{"title": "Escrow again", "certificate": string(pem)})
	c.fails(422, "POST", "/recipients", object{"title": "", "certificate": string(pem)})
	c.fails(422, "POST", "/recipients", object{"title": "Nothing", "certificate": "???"})
	commandOK(t, "", "recipient", "add", "--data", data, "--tenant", out.Tenant, "Second officer", second.certificate)
	var known list[struct {
		ID, Title, AddedBy string
		Certificate        struct{ Fingerprint string }
	}]
	c.ok("GET", "/recipients", nil, &known)
	if len(known.Items) != 2 || known.Items[0].Title != "Escrow" || known.Items[0].AddedBy != out.Username || known.Items[1].Title != "Second officer" {
		t.Fatalf("the recipients are %+v", known.Items)
	}

	// The one whose certificate ends soon is named to those who can replace it.
	var overview struct {
		Certificates []struct{ Username, Subject string }
	}
	c.ok("GET", "/overview", nil, &overview)
	if len(overview.Certificates) != 1 || overview.Certificates[0].Username != "recipient: Second officer" {
		t.Errorf("the overview warns of %+v", overview.Certificates)
	}
	if found := commandOK(t, "", "doctor", "--data", data); !strings.Contains(found, "Second officer") || !strings.Contains(found, "Add the recipient's new certificate") {
		t.Errorf("the doctor says:\n%s", found)
	}

	for _, encryption := range []string{"compatible", "authenticated"} {
		t.Run(encryption, func(t *testing.T) {
			c.ok("PUT", "/me/encryption", object{"encryption": encryption}, nil)
			var me struct{ Encryption string }
			c.ok("GET", "/me", nil, &me)
			if me.Encryption != encryption {
				t.Errorf("the encryption is %s", me.Encryption)
			}
			run := finished(t, c.export(nil))
			a := c.artifacts(run.ID)[0]
			var to encryptedTo
			c.ok("GET", "/artifacts/"+a.ID, nil, &to)
			if len(to.Recipients) != 3 || !slices.Contains(to.Recipients, known.Items[0].Certificate.Fingerprint) || to.Encryption != encryption {
				t.Errorf("the artifact is encrypted to %v in the way %s", to.Recipients, to.Encryption)
			}
			c.wantManifest(run.ID, encryption, to.Recipients)
			dir := t.TempDir()
			der, text := c.download(a, "der", dir), c.download(a, "smime", dir)
			var files map[string]string
			for name, key := range map[string]string{"owner": out.Key, "escrow": escrow.key, "second officer": second.key} {
				got := openedByAll(t, key, der, text, encryption)
				if files == nil {
					files = got
				}
				if len(got) == 0 || !mapsEqual(got, files) {
					t.Errorf("%s opens %d files, other than the %d of the first", name, len(got), len(files))
				}
			}
		})
	}
	commandOK(t, "", "recipient", "remove", "--data", data, "--tenant", out.Tenant, known.Items[1].ID)
	c.ok("DELETE", "/recipients/"+known.Items[0].ID, nil, nil)
	c.fails(404, "DELETE", "/recipients/"+known.Items[0].ID, nil)
	if listed := commandOK(t, "", "recipient", "list", "--data", data, "--tenant", out.Tenant, "--output", "json"); strings.TrimSpace(listed) != "[]" {
		t.Errorf("the recipients are %s", listed)
	}
	var to encryptedTo
	c.ok("GET", "/artifacts/"+c.artifacts(finished(t, c.export(nil)).ID)[0].ID, nil, &to)
	if len(to.Recipients) != 1 {
		t.Errorf("without recipients the artifact is encrypted to %v", to.Recipients)
	}
}

// wantManifest checks what the manifest says about the encryption.
func (c *client) wantManifest(runID, encryption string, recipients []string) {
	c.t.Helper()
	_, _, text := c.do("GET", "/runs/"+runID+"/manifest", nil, nil)
	var m struct {
		Encryption struct{ Content, KeyTransport string }
		Recipients []struct{ Fingerprint string }
	}
	must(c.t, json.Unmarshal(text, &m))
	want := map[string][2]string{"compatible": {"AES-256-CBC", "RSA PKCS #1 v1.5"}, "authenticated": {"AES-256-GCM", "RSA-OAEP with SHA-256"}}[encryption]
	if got := [2]string{m.Encryption.Content, m.Encryption.KeyTransport}; got != want {
		c.t.Errorf("the manifest says %v, not %v", got, want)
	}
	var fingerprints []string
	for _, r := range m.Recipients {
		fingerprints = append(fingerprints, r.Fingerprint)
	}
	if !slices.Equal(fingerprints, recipients) {
		c.t.Errorf("the manifest names the recipients %v, the artifact %v", fingerprints, recipients)
	}
}

// openedByAll opens both forms of an artifact with a key: by openssl and unzip,
// and by cdds decrypt into a folder and onto standard output.
func openedByAll(t *testing.T, key, der, text, encryption string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	zips := []string{filepath.Join(dir, "der.zip"), filepath.Join(dir, "text.zip")}
	tool(t, "openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", der, "-inkey", key, "-out", zips[0])
	tool(t, "openssl", "cms", "-decrypt", "-inform", "SMIME", "-in", text, "-inkey", key, "-out", zips[1])
	if encryption == "compatible" { // openssl smime knows nothing newer
		tool(t, "openssl", "smime", "-decrypt", "-in", text, "-inkey", key, "-out", zips[1])
	}
	var folders []map[string]string
	for _, zip := range zips {
		folder := zip + ".files"
		tool(t, "unzip", "-q", zip, "-d", folder)
		folders = append(folders, filesIn(t, folder))
	}
	for _, file := range []string{der, text} {
		folder := filepath.Join(dir, filepath.Base(file)+".ours")
		commandOK(t, "", "decrypt", "--key", key, "--out", folder, file)
		folders = append(folders, filesIn(t, folder))
	}
	for i, files := range folders {
		if !mapsEqual(files, folders[0]) {
			t.Errorf("way %d gives other files than openssl", i)
		}
	}
	lines := commandOK(t, "", "decrypt", "--key", key, "--out", "-", der)
	for name, content := range folders[0] {
		if !strings.Contains(lines, content) {
			t.Errorf("standard output lacks the lines of %s", name)
		}
	}
	return folders[0]
}

// filesIn reads the files of a folder.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	files := map[string]string{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		files[e.Name()] = string(content)
	}
	return files
}

func mapsEqual(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, content := range a {
		if b[name] != content {
			return false
		}
	}
	return true
}

// TestAuthenticatedDamage changes authenticated artifacts after the last octet
// that their zip needs, in the middle, and by moving pieces: cdds decrypt leaves
// no file behind, and writes not one line to standard output.
func TestAuthenticatedDamage(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "3000", "--contacts", "50")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	c.ok("PUT", "/me/encryption", object{"encryption": "authenticated"}, nil)
	dir := t.TempDir()
	good := c.download(c.artifacts(finished(t, c.export(nil)).ID)[0], "der", dir)
	der, err := os.ReadFile(good)
	must(t, err)
	const head, piece = 5, 5 + 64<<10
	begin := bytes.Index(der, []byte{0x04, 0x83, 0x01, 0x00, 0x00})
	if begin < 0 || len(der) < begin+3*piece {
		t.Fatalf("an artifact of %d bytes is too small for this test", len(der))
	}
	change := func(at int) []byte {
		changed := bytes.Clone(der)
		changed[at] ^= 1
		return changed
	}
	for name, damaged := range map[string][]byte{
		"changed":   change(begin + head + 1000),
		"tag":       change(len(der) - 7),
		"cut":       der[:len(der)/2],
		"no end":    der[:len(der)-1],
		"reordered": slices.Concat(der[:begin], der[begin+piece:begin+2*piece], der[begin:begin+piece], der[begin+2*piece:]),
		"dropped":   slices.Concat(der[:begin], der[begin+piece:]),
	} {
		bad, target := filepath.Join(dir, name+".p7m"), filepath.Join(dir, name)
		must(t, os.WriteFile(bad, damaged, 0o600))
		for _, zip := range [][]string{nil, {"--zip"}} {
			args := append([]string{"decrypt", "--key", out.Key}, zip...)
			if _, errs, code := command(t, "", append(args, "--out", target, bad)...); code == 0 {
				t.Errorf("%s %v: decrypted: %s", name, zip, errs)
			}
			if left := filesIn(t, target); len(left) > 0 {
				t.Errorf("%s %v: %d files were left behind", name, zip, len(left))
			}
			lines, _, code := command(t, "", append(args, "--out", "-", bad)...)
			if code == 0 || lines != "" {
				t.Errorf("%s %v: exit code %d after %d bytes on standard output", name, zip, code, len(lines))
			}
		}
	}
	// What can be read only once cannot be proved before it is written.
	pipe := filepath.Join(dir, "pipe.p7m")
	must(t, syscall.Mkfifo(pipe, 0o600))
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, der[:4096], 0o600) }()
	lines, errs, code := command(t, "", "decrypt", "--key", out.Key, "--out", "-", pipe)
	if code != 2 || lines != "" || !strings.Contains(errs, "read twice") {
		t.Errorf("from a pipe: exit code %d, %d bytes, %s", code, len(lines), errs)
	}
	if err := <-written; err != nil && !errors.Is(err, syscall.EPIPE) { // the reader may be gone before it has read all
		t.Error(err)
	}
}
