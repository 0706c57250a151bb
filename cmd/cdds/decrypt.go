package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"cdds"
	"cdds/cms"
	"cdds/export"
)

// decryptCommand turns artifacts back into the files inside, as a stream, in
// constant memory, whatever their size.
type decryptCommand struct {
	Key      string   `help:"The private key, PEM." required:"" placeholder:"FILE" type:"existingfile"`
	Out      string   `help:"Folder for the files inside, or - for their lines on standard output." default:"." placeholder:"DIR"`
	Zip      bool     `help:"Write the zip instead of the files inside."`
	Manifest string   `help:"The run's manifest: sizes, counts and SHA-256 of all files are compared with it, and a missing part is an error." placeholder:"FILE" type:"existingfile"`
	Files    []string `arg:"" help:"Artifacts (.p7m), or their S/MIME text form." type:"existingfile"`
}

// decryption is one call of the command.
type decryption struct {
	ctx      context.Context
	key      *rsa.PrivateKey
	manifest *export.Manifest
	out      io.Writer // where lines go for --out -
	dir      string
	keepZip  bool
	seen     map[string]bool // artifact names of the manifest that were read
	log      io.Writer
}

// Run decrypts all files. A damaged one leaves nothing behind and fails the
// command; files before it stay.
func (c *decryptCommand) Run(ctx context.Context, std streams) error {
	key, err := readKey(c.Key)
	if err != nil {
		return err
	}
	d := &decryption{ctx: ctx, key: key, dir: c.Out, keepZip: c.Zip, seen: map[string]bool{}, log: std.Err}
	if c.Manifest != "" {
		if d.manifest, err = readManifest(c.Manifest); err != nil {
			return err
		}
	}
	if c.Out == "-" {
		lines := bufio.NewWriterSize(std.Out, 1<<20)
		d.out = lines
		if err := d.all(c.Files); err != nil {
			return err
		}
		return lines.Flush()
	}
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return fmt.Errorf("make the output folder: %w", err)
	}
	return d.all(c.Files)
}

// all decrypts the files one after the other, then asks whether the manifest
// knows of one that was not given.
func (d *decryption) all(files []string) error {
	for _, file := range files {
		if err := d.one(file); err != nil {
			return fmt.Errorf("decrypt %s: %w", file, err)
		}
	}
	if d.manifest == nil {
		return nil
	}
	for _, a := range d.manifest.Artifacts {
		if !d.seen[a.Name] {
			return &cdds.Error{Code: cdds.CodeInvalid, Message: "The manifest names " + a.Name + ", which was not given.", Hint: "Download the missing part and decrypt all parts together."}
		}
	}
	return nil
}

// one decrypts one artifact.
func (d *decryption) one(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if d.out != nil {
		return closing(in, d.toOutput(file, in))
	}
	return closing(in, d.toFolder(file, in))
}

// toFolder decrypts an artifact into the folder, where all of its files appear
// when the last check is passed, and none before.
func (d *decryption) toFolder(file string, in io.Reader) error {
	files := &stage{dir: d.dir}
	m, err := d.open(in)
	if err == nil {
		err = d.contents(file, m, files.add)
	}
	if err == nil {
		err = files.publish(d.log)
	}
	return files.discard(err)
}

// toOutput decrypts an artifact onto standard output. What is written there
// cannot be taken back, so an authenticated one is read twice: only when its tag
// has proved that it is unchanged, the first line comes out.
func (d *decryption) toOutput(file string, in *os.File) error {
	m, err := d.open(in)
	if err != nil {
		return err
	}
	if m.content.Authenticated() {
		if _, err := in.Seek(0, io.SeekCurrent); err != nil {
			return &cdds.Error{Code: cdds.CodeInvalid, Message: "The artifact is authenticated, and is read twice so that nothing comes out before it is proved; this input can be read once only.", Hint: "Give a file, or write into a folder with --out DIR.", Err: err}
		}
		if err := d.contents(file, m, writeTo(io.Discard)); err != nil {
			return err
		}
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read again: %w", err)
		}
		if m, err = d.open(in); err != nil {
			return err
		}
	}
	return d.contents(file, m, writeTo(d.out))
}

// writeTo returns what writes the content of files one behind the other.
func writeTo(w io.Writer) func(string, io.Reader, *lineCounter) error {
	return func(_ string, content io.Reader, _ *lineCounter) error {
		_, err := io.Copy(w, content)
		return err
	}
}

// message is an artifact that is being decrypted.
type message struct {
	content *cms.Reader
	sum     hash.Hash // over the encrypted bytes, when all are read
}

func (d *decryption) open(in io.Reader) (*message, error) {
	m := &message{sum: sha256.New()}
	var err error
	m.content, err = cms.Decrypt(io.TeeReader(&canceled{d.ctx, in}, m.sum), nil, d.key)
	return m, err
}

// contents hands on what the artifact holds, reads the message to its end, since
// only there it is known to be whole, and compares it with the manifest.
func (d *decryption) contents(file string, m *message, write func(string, io.Reader, *lineCounter) error) error {
	one := func(name string, content io.Reader) error {
		if name != filepath.Base(name) || name == "." || name == ".." {
			return fmt.Errorf("the zip has an entry outside of its folder")
		}
		sum, lines := sha256.New(), &lineCounter{}
		if err := write(name, io.TeeReader(content, io.MultiWriter(sum, lines)), lines); err != nil {
			return err
		}
		return d.checkFile(name, hex.EncodeToString(sum.Sum(nil)), lines.n)
	}
	var err error
	if d.keepZip {
		err = one(strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".p7m"), ".smime"), m.content)
	} else {
		err = export.ReadZip(m.content, one)
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, m.content); err != nil {
		return err
	}
	if d.manifest == nil {
		return nil
	}
	return d.checkArtifact(file, hex.EncodeToString(m.sum.Sum(nil)))
}

// checkFile compares a file inside an artifact with the manifest.
func (d *decryption) checkFile(name, sum string, lines int64) error {
	if d.manifest == nil || d.keepZip {
		return nil
	}
	for _, a := range d.manifest.Artifacts {
		for _, f := range a.Files {
			if f.Name != name {
				continue
			}
			if f.SHA256 != sum || f.Records != lines {
				return &cdds.Error{Code: cdds.CodeInvalid, Message: name + " is not the file that the manifest names: its SHA-256 or its number of records differs.", Hint: "Download the artifact again."}
			}
			return nil
		}
	}
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "The manifest does not know " + name + ".", Hint: "Take the manifest of the same run."}
}

// checkArtifact compares the artifact itself. Its text form has other bytes;
// for that one the files inside are the check.
func (d *decryption) checkArtifact(file, sum string) error {
	base := filepath.Base(file)
	for _, a := range d.manifest.Artifacts {
		if cdds.TextName(a.Name) == base {
			d.seen[a.Name] = true
			return nil
		}
		if a.SHA256 == sum {
			d.seen[a.Name] = true
			return nil
		}
	}
	return &cdds.Error{Code: cdds.CodeInvalid, Message: base + " has a SHA-256 that the manifest does not know.", Hint: "Download the artifact again, or take the manifest of the same run."}
}

// readKey reads an unencrypted RSA private key.
func readKey(path string) (*rsa.PrivateKey, error) {
	const hint = "openssl pkey -in key.pem -out plain.pem writes a protected key without its passphrase."
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "RSA PRIVATE KEY":
			return parsedKey(x509.ParsePKCS1PrivateKey(block.Bytes))
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			rsaKey, ok := key.(*rsa.PrivateKey)
			if err == nil && !ok {
				return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The key is not an RSA key."}
			}
			return parsedKey(rsaKey, err)
		case "ENCRYPTED PRIVATE KEY":
			return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The key is protected by a passphrase.", Hint: hint}
		}
	}
	return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The key file holds no private key in PEM form.", Hint: "Give the key that belongs to the certificate, such as cdds-key.pem."}
}

func parsedKey(key *rsa.PrivateKey, err error) (*rsa.PrivateKey, error) {
	if err != nil {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The private key cannot be read."}
	}
	return key, nil
}

func readManifest(path string) (*export.Manifest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	m, err := export.ParseManifest(text)
	if err != nil {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The manifest cannot be read.", Err: err}
	}
	return &m, nil
}

// lineCounter counts line ends, which in JSON Lines are the records.
type lineCounter struct{ n int64 }

// Write counts the line ends of p.
func (c *lineCounter) Write(p []byte) (int, error) {
	c.n += int64(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

// canceled ends reading when the command is interrupted.
type canceled struct {
	ctx context.Context
	r   io.Reader
}

// Read reads unless the command was interrupted.
func (c *canceled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
