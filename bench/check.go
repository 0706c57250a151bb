package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cdds/cms"
	"cdds/export"
)

// longestLine bounds what a record may have.
const longestLine = 64 << 20

// identity is whom everything is encrypted to.
type identity struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
	file string // the certificate as PEM
}

// newIdentity makes a key and its certificate.
func newIdentity(file string) (identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return identity{}, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return identity{}, fmt.Errorf("make a certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return identity{}, fmt.Errorf("read the certificate: %w", err)
	}
	return identity{cert: cert, key: key, file: file}, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

// open decrypts a file while it is read.
func (id identity) open(path string, read func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open what was written: %w", err)
	}
	plain, err := cms.Decrypt(bufio.NewReaderSize(file, 1<<20), id.cert, id.key)
	if err == nil {
		err = read(plain)
	}
	return errors.Join(err, file.Close())
}

// countLines counts the lines of a text, each of which must be one JSON text.
func countLines(r io.Reader) (int64, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<20), longestLine)
	var n int64
	for lines.Scan() {
		n++
		if !json.Valid(lines.Bytes()) {
			return n, fmt.Errorf("line %d is no JSON", n)
		}
	}
	return n, lines.Err()
}

// artifacts counts the interactions in our artifacts.
func (b *bench) artifacts(_ context.Context, dir, _ string) (int64, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.p7m"))
	if err != nil {
		return 0, fmt.Errorf("look for artifacts: %w", err)
	}
	var sum int64
	for _, path := range paths {
		err := b.identity.open(path, func(plain io.Reader) error {
			return export.ReadZip(plain, func(name string, content io.Reader) error {
				n, err := countLines(content)
				if !strings.Contains(name, "Attachment") {
					sum += n
				}
				return err
			})
		})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return sum, nil
}

// sealedLines counts the lines in the one file of a rival.
func (b *bench) sealedLines(unpack func(context.Context, io.Reader) (int64, error)) func(ctx context.Context, dir, said string) (int64, error) {
	return func(ctx context.Context, dir, _ string) (n int64, err error) {
		err = b.identity.open(filepath.Join(dir, "sealed"), func(plain io.Reader) error {
			n, err = unpack(ctx, plain)
			return err
		})
		return n, err
	}
}

// unzipped counts the lines in a zip. It lies in a file for that, since zip
// writes a stream in a form that cannot be read as one by all.
func unzipped(ctx context.Context, r io.Reader) (n int64, err error) {
	file, err := os.CreateTemp("", "cdds-bench-*.zip")
	if err != nil {
		return 0, fmt.Errorf("make a file: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = io.Copy(file, r)
	if err := errors.Join(err, file.Close()); err != nil {
		return 0, fmt.Errorf("decrypt: %w", err)
	}
	unzip := exec.CommandContext(ctx, "unzip", "-p", file.Name())
	content, err := unzip.StdoutPipe()
	if err != nil {
		return 0, fmt.Errorf("make a pipe: %w", err)
	}
	if err := unzip.Start(); err != nil {
		return 0, fmt.Errorf("start unzip: %w", err)
	}
	n, err = countLines(content)
	return n, errors.Join(err, unzip.Wait())
}

func gunzipped(_ context.Context, r io.Reader) (int64, error) {
	content, err := gzip.NewReader(r)
	if err != nil {
		return 0, fmt.Errorf("open the gzip: %w", err)
	}
	return countLines(content)
}

// fileLines counts the lines of the one plain file. Ours ends with the lines
// of attachments, which have another first key.
func fileLines(_ context.Context, dir, _ string) (n int64, err error) {
	file, err := os.Open(filepath.Join(dir, "lines.json"))
	if err != nil {
		return 0, fmt.Errorf("open what was written: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), longestLine)
	for lines.Scan() {
		if bytes.HasPrefix(lines.Bytes(), []byte(`{"ixnId"`)) {
			n++
		}
		if !json.Valid(lines.Bytes()) {
			return n, fmt.Errorf("line %d is no JSON", n)
		}
	}
	return n, lines.Err()
}

// copied reads what psql says at the end of a copy.
func copied(_ context.Context, _, said string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimPrefix(said, "COPY ")), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("psql said %q: %w", said, err)
	}
	return n, nil
}

// dumped counts the interactions in a dump: the lines of its one table.
func (b *bench) dumped(ctx context.Context, dir, _ string) (int64, error) {
	restore := exec.CommandContext(ctx, b.server.Program("pg_restore"), "-a", "-t", "interaction", "-f", "-", filepath.Join(dir, "dump"))
	content, err := restore.StdoutPipe()
	if err != nil {
		return 0, fmt.Errorf("make a pipe: %w", err)
	}
	if err := restore.Start(); err != nil {
		return 0, fmt.Errorf("start pg_restore: %w", err)
	}
	lines := bufio.NewScanner(content)
	lines.Buffer(make([]byte, 1<<20), longestLine)
	var n int64
	inside := false
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "COPY "):
			inside = true
		case line == `\.`:
			inside = false
		case inside:
			n++
		}
	}
	return n, errors.Join(lines.Err(), restore.Wait())
}
