package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"cdds"
)

// Recipient is a certificate that all artifacts of the tenant are encrypted to.
type Recipient struct {
	ID          string      `json:"id"`
	Title       string      `json:"title"`
	Certificate Certificate `json:"certificate"`
	AddedBy     string      `json:"addedBy" doc:"Username."`
	AddedAt     time.Time   `json:"addedAt"`
}

type listRecipientsOutput struct {
	Body struct {
		Items []Recipient `json:"items"`
	}
}

type addRecipientInput struct {
	Body struct {
		Title       string `json:"title" doc:"Whose it is: 1 to 100 characters."`
		Certificate string `json:"certificate" doc:"X.509 certificate in PEM, or the base64 of DER: RSA of 2048 bits or more, currently valid."`
	}
}

type recipientBody struct{ Body Recipient }

// RecipientPath names a recipient.
type RecipientPath struct {
	ID string `path:"id" maxLength:"64"`
}

type putEncryptionInput struct {
	Body struct {
		Encryption string `json:"encryption" enum:"compatible,authenticated" doc:"compatible: AES-256-CBC and RSA PKCS #1 v1.5; authenticated: AES-256-GCM and RSA-OAEP."`
	}
}

func (s *server) registerRecipients() {
	register(s, operation("list-recipients", http.MethodGet, "/recipients", "Who can read the tenant's exports, beside their owners", cdds.ActionSeeRecipients), s.listRecipients)
	add := operation("add-recipient", http.MethodPost, "/recipients", "Encrypt all exports of the tenant to one more certificate", cdds.ActionManageRecipients)
	add.DefaultStatus = http.StatusCreated
	register(s, add, s.addRecipient)
	remove := operation("remove-recipient", http.MethodDelete, "/recipients/{id}", "Remove a recipient of the tenant", cdds.ActionManageRecipients)
	remove.DefaultStatus = http.StatusNoContent
	register(s, remove, s.removeRecipient)
	put := operation("put-encryption", http.MethodPut, "/me/encryption", "Choose how my exports are encrypted", cdds.ActionOwnPreferences)
	put.DefaultStatus = http.StatusNoContent
	register(s, put, s.putEncryption)
}

func (s *server) listRecipients(ctx context.Context, _ *struct{}) (*listRecipientsOutput, error) {
	recipients, err := s.Store.Recipients(ctx, caller(ctx).User.TenantID)
	if err != nil {
		return nil, err
	}
	now := s.now()
	out := &listRecipientsOutput{}
	out.Body.Items = make([]Recipient, 0, len(recipients))
	for _, r := range recipients {
		out.Body.Items = append(out.Body.Items, wireRecipient(r, now))
	}
	return out, nil
}

func (s *server) addRecipient(ctx context.Context, in *addRecipientInput) (*recipientBody, error) {
	data := []byte(in.Body.Certificate)
	if !strings.Contains(in.Body.Certificate, "-----BEGIN ") {
		der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(in.Body.Certificate))
		if err != nil {
			return nil, cdds.Invalid("certificate", "must be in PEM, or the base64 of DER.")
		}
		data = der
	}
	now := s.now()
	r, err := s.Control.AddRecipient(ctx, caller(ctx), in.Body.Title, data, now)
	if err != nil {
		return nil, err
	}
	return &recipientBody{Body: wireRecipient(r, now)}, nil
}

func (s *server) removeRecipient(ctx context.Context, in *RecipientPath) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.RemoveRecipient(ctx, caller(ctx), in.ID, s.now())
}

func (s *server) putEncryption(ctx context.Context, in *putEncryptionInput) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.ChooseEncryption(ctx, caller(ctx), cdds.Encryption(in.Body.Encryption), s.now())
}

// recipientEnds are the tenant's recipients whose certificates end before an
// instant or have ended.
func (s *server) recipientEnds(ctx context.Context, tenantID string, before, now time.Time) ([]CertificateEnd, error) {
	recipients, err := s.Store.Recipients(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	var ends []CertificateEnd
	for _, r := range recipients {
		if c := r.Certificate; c.NotAfter.Before(before) {
			ends = append(ends, CertificateEnd{Username: "recipient: " + r.Title, Subject: c.Subject, NotAfter: c.NotAfter, Expired: !c.NotAfter.After(now)})
		}
	}
	return ends, nil
}

func wireRecipient(r cdds.Recipient, now time.Time) Recipient {
	return Recipient{ID: r.ID, Title: r.Title, Certificate: wireCertificate(r.Certificate, now), AddedBy: r.AddedBy, AddedAt: r.AddedAt}
}
