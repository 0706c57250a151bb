package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"gocloud.dev/blob/fileblob"

	"cdds"
	"cdds/export"
	"cdds/source"
	"cdds/source/postgres"
	"cdds/source/sqlite"
)

// childCommand is the first argument of a process that exports and is measured.
const childCommand = "export"

// child exports once, as the product does, and prints how many records and
// bytes of JSON Lines that were.
func child(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet(childCommand, flag.ContinueOnError)
	dsn := flags.String("source", "", "the source, as cdds serve takes it")
	into := flags.String("into", "", "folder for the artifacts")
	certificate := flags.String("certificate", "", "PEM file of the recipient")
	compression := flags.String("compression", string(cdds.CompressionDefault), "fast, default or small")
	split := flags.Int64("split", 0, "split size in bytes")
	lines := flags.Bool("lines", false, "write plain JSON Lines to a file instead")
	profile := flags.String("profile", "", "write a CPU profile to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return fmt.Errorf("make the profile: %w", err)
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return fmt.Errorf("start the profile: %w", err)
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, file.Close())
		}()
	}
	src, err := openSource(ctx, *dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	recipient, err := readCertificate(*certificate)
	if err != nil {
		return err
	}
	spec := export.Spec{
		RunID: "bench", Type: cdds.TypeInteraction, TenantID: tenant, By: cdds.ByStartDate, SplitSize: *split,
		Window:     cdds.Window{End: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)},
		Recipients: []*x509.Certificate{recipient}, Compression: cdds.Compression(*compression),
	}
	var progress export.Progress
	result, err := exportInto(ctx, src, spec, &progress, *into, *lines)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, result.Records[source.Interaction], progress.Bytes.Load())
	return err
}

// exportInto runs the engine the way that the service does: into a folder, each
// file made durable.
func exportInto(ctx context.Context, src source.Source, spec export.Spec, p *export.Progress, folder string, lines bool) (result *export.Result, err error) {
	engine := &export.Engine{Source: src}
	if lines {
		file, err := os.Create(filepath.Join(folder, "lines.json"))
		if err != nil {
			return nil, fmt.Errorf("make the file: %w", err)
		}
		result, err := engine.Lines(ctx, spec, p, file)
		return result, errors.Join(err, file.Close())
	}
	engine.Sync = func(_ context.Context, key string) error {
		file, err := os.Open(filepath.Join(folder, key))
		if err != nil {
			return fmt.Errorf("make a stored file durable: %w", err)
		}
		return errors.Join(file.Sync(), file.Close())
	}
	engine.Bucket, err = fileblob.OpenBucket(folder, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	defer func() { err = errors.Join(err, engine.Bucket.Close()) }()
	return engine.Run(ctx, spec, p)
}

func openSource(ctx context.Context, dsn string) (source.Source, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		return sqlite.Open(path, sqlite.Options{})
	}
	return postgres.Open(ctx, dsn, postgres.Options{})
}

func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the certificate is no PEM file")
	}
	return x509.ParseCertificate(block.Bytes)
}
