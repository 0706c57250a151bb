package worker

import (
	"context"
	"crypto/x509"
	"errors"

	"cdds"
)

// recipients returns the certificates that the run is encrypted to: the owner's
// current one, and those of all the tenant's recipients. One that is missing or
// has expired is CodeInvalid, which fails the run at once. A recipient is never
// left out: an escrow that is lost in silence is noticed when it is needed.
func (w *Worker) recipients(ctx context.Context, run cdds.Run) ([]*x509.Certificate, error) {
	const recipientHint = "An administrator adds the recipient's current certificate under Recipients and removes the old one; then retry the run."
	own, err := w.ownCertificate(ctx, run.OwnerID)
	if err != nil {
		return nil, err
	}
	owner, err := w.usable(own, "The certificate of the job's owner cannot be used.", ownerHint)
	if err != nil {
		return nil, err
	}
	others, err := w.cfg.Store.Recipients(ctx, run.TenantID)
	if err != nil {
		return nil, err
	}
	all := []*x509.Certificate{owner}
	for _, r := range others {
		cert, err := w.usable(r.Certificate, "The certificate of the tenant's recipient \""+r.Title+"\" cannot be used.", recipientHint)
		if err != nil {
			return nil, err
		}
		if r.Certificate.Fingerprint != own.Fingerprint { // who is both gets one key
			all = append(all, cert)
		}
	}
	return all, nil
}

// ownerHint says how the owner of a job mends the certificate.
const ownerHint = "The job's owner imports a current certificate under User preferences; then retry the run."

// ownCertificate returns the certificate of an owner who is active and has one.
func (w *Worker) ownCertificate(ctx context.Context, ownerID string) (cdds.Certificate, error) {
	owner, err := w.cfg.Store.User(ctx, ownerID)
	if err != nil {
		return cdds.Certificate{}, err
	}
	if !owner.Active {
		return cdds.Certificate{}, &cdds.Error{Code: cdds.CodeInvalid, Message: "The job's owner is deactivated.",
			Hint: "An administrator takes over the user's jobs under Administration > Users; then retry the run."}
	}
	own, err := w.cfg.Store.Certificate(ctx, ownerID)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return own, &cdds.Error{Code: cdds.CodeInvalid, Message: "The job's owner has no certificate.", Hint: ownerHint}
	}
	return own, err
}

// usable returns the parsed certificate, or CodeInvalid with what is wrong now.
func (w *Worker) usable(c cdds.Certificate, message, hint string) (*x509.Certificate, error) {
	if err := c.Check(w.cfg.Now()); err != nil {
		var rule *cdds.Error
		if errors.As(err, &rule) {
			for _, f := range rule.Fields {
				message += " " + f.Message
			}
		}
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: message, Hint: hint, Err: err}
	}
	return c.X509()
}
