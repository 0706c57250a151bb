package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"cdds/queue"
	"cdds/store"
)

// queueTables looks at the tables of the queue.
func queueTables(ctx context.Context, st *store.Store) error {
	q, err := queue.Open(queue.Config{DB: st.DB(), Postgres: st.Dialect() == store.Postgres, Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		return err
	}
	return q.Ready(ctx)
}

// soonDays is how many days before its end doctor warns of the certificate that
// the service shows.
const soonDays = 30

// shownCertificate looks when the certificate ends that the service shows to
// its clients.
func shownCertificate(path string, now time.Time) diagnosis {
	const check = "TLS certificate"
	const remedy = "Put a new certificate in the file; the service reads it within seconds, without a restart."
	end, err := endOf(path)
	if err != nil {
		d := diagnose(check, "", err)
		d.Remedy = "Name the PEM file of the service's certificate with --tls-cert."
		return d
	}
	d := diagnosis{Check: check, OK: now.Before(end), Detail: "ends on " + end.Format(time.DateOnly)}
	if left := end.Sub(now); left < soonDays*24*time.Hour {
		d.Warning, d.Remedy = d.OK, remedy
	}
	return d
}

// endOf returns when the first certificate of a PEM file ends.
func endOf(path string) (time.Time, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the service's certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Time{}, errors.New("the file of the service's certificate holds no PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the service's certificate: %w", err)
	}
	return cert.NotAfter, nil
}
