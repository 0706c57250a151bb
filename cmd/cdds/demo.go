package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cdds"
	"cdds/control"
	"cdds/source/sample"
	"cdds/store"
)

// The sample tenant and user.
const (
	demoTenant   = "demo"
	demoTenantID = 101
	demoUser     = "admin"
	demoKeyDays  = 730
)

// demoCommand writes everything that a first look needs.
type demoCommand struct {
	dataFlags
	outputFlags
	Retention    time.Duration `help:"How long artifacts are kept." default:"720h" env:"CDDS_RETENTION"`
	Interactions int           `help:"Interactions of the sample Contact History." default:"50000"`
	Contacts     int           `help:"Contacts of the sample Contact History." default:"10000"`
	Seed         uint64        `help:"Seed of the sample; the same seed gives the same records." default:"1"`
	IfMissing    bool          `help:"Do nothing when the sample user is there already."`
	Export       bool          `help:"Also run a first export of all interactions, and say how to decrypt it."`
}

// demoOutput is what scripts read.
type demoOutput struct {
	Tenant      string `json:"tenant"`
	Username    string `json:"username"`
	Password    string `json:"password"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Source      string `json:"source"`
	URL         string `json:"url"`
}

// Run writes the sample. A second call makes a new password, certificate and
// history for the same user, so that a lost password is no dead end.
func (c *demoCommand) Run(ctx context.Context, std streams) error {
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	if c.IfMissing {
		users, err := st.UsersNamed(ctx, demoUser, demoTenant)
		if err != nil {
			return closing(st, err)
		}
		if len(users) > 0 {
			return st.Close()
		}
	}
	fmt.Fprintf(std.Err, "Writing a sample Contact History of %d interactions and %d contacts ...\n", c.Interactions, c.Contacts)
	out, err := c.write(ctx, st)
	if err == nil {
		err = c.print(std, out)
	}
	if err == nil && c.Export {
		err = c.firstExport(ctx, st, out, std)
	}
	return closing(st, err)
}

// write makes the history, the user, and the certificate with its key.
func (c *demoCommand) write(ctx context.Context, st *store.Store) (demoOutput, error) {
	now := utcNow()
	out := demoOutput{
		Tenant: demoTenant, Username: demoUser, Source: samplePath(c.Data), URL: "http://127.0.0.1:8080",
		Certificate: filepath.Join(c.Data, "demo-cert.pem"), Key: filepath.Join(c.Data, "demo-key.pem"),
	}
	_, err := sample.Write(ctx, out.Source, sample.Options{
		Interactions: c.Interactions, Contacts: c.Contacts, Seed: c.Seed, TenantID: demoTenantID, End: now.Truncate(24 * time.Hour),
	})
	if err != nil {
		return out, err
	}
	cert, err := writeKeyPair(out.Certificate, out.Key, now)
	if err != nil {
		return out, err
	}
	if out.Password, err = newPassword(); err != nil {
		return out, err
	}
	ctl := openControl(st)
	_, err = ctl.AddUser(ctx, control.NewUser{Username: demoUser, Password: out.Password, Role: cdds.RoleAdministrator, Tenant: demoTenant, TenantSourceID: demoTenantID}, now)
	if cdds.CodeOf(err) == cdds.CodeConflict {
		err = ctl.SetPassword(ctx, demoUser, demoTenant, out.Password, now)
	}
	if err != nil {
		return out, err
	}
	users, err := st.UsersNamed(ctx, demoUser, demoTenant)
	if err != nil || len(users) != 1 {
		return out, errors.Join(errors.New("the sample user is not there"), err)
	}
	if _, err := ctl.ImportCertificate(ctx, control.Caller{User: users[0]}, cert, now); err != nil {
		return out, err
	}
	return out, nil
}

// print tells what was made; the password is shown here only.
func (c *demoCommand) print(std streams, out demoOutput) error {
	if c.Output == "json" {
		return json.NewEncoder(std.Out).Encode(out)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Sample Contact History  %s\n", out.Source)
	fmt.Fprintf(&b, "Certificate             %s\n", out.Certificate)
	fmt.Fprintf(&b, "Private key             %s\n", out.Key)
	fmt.Fprintf(&b, "Tenant                  %s\n", out.Tenant)
	fmt.Fprintf(&b, "Username                %s\n", out.Username)
	fmt.Fprintf(&b, "Password                %s   (shown once)\n", out.Password)
	_, err := b.WriteTo(std.Out)
	return err
}

// writeKeyPair makes an RSA key and a self-signed certificate, writes both and
// returns the certificate's PEM.
func writeKeyPair(certPath, keyPath string, now time.Time) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return nil, fmt.Errorf("make the sample key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make the sample certificate's serial: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "CDDS sample user"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, demoKeyDays), KeyUsage: x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make the sample certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the sample key: %w", err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := replaceFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return nil, err
	}
	return cert, replaceFile(certPath, cert, 0o644)
}

// replaceFile writes a file with exactly these permissions, also over an old one.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	if err := os.WriteFile(path, text, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// newPassword returns a random password of 120 bits.
func newPassword() (string, error) {
	var b [15]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make the sample password: %w", err)
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:])), nil
}
