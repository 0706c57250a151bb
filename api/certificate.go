package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"cdds"
)

// maxCertificate bounds an uploaded certificate; larger ones are refused with
// a clear answer instead of a cut connection.
const maxCertificate = 64 << 10

type certificateBody struct{ Body Certificate }

type putCertificateInput struct {
	RawBody []byte `contentType:"application/x-pem-file" doc:"The certificate, PEM or DER."`
}

func (s *server) registerCertificate() {
	register(s, operation("get-certificate", http.MethodGet, "/me/certificate", "The certificate that my exports are encrypted to", cdds.ActionOwnPreferences), s.getCertificate)
	put := operation("put-certificate", http.MethodPut, "/me/certificate", "Import my certificate (PEM or DER)", cdds.ActionOwnPreferences)
	put.MaxBodyBytes = maxCertificate
	put.RequestBody = &huma.RequestBody{
		Required: true, Description: "X.509 certificate, PEM or DER: RSA of 2048 bits or more, currently valid.",
		Content: map[string]*huma.MediaType{
			"application/x-pem-file":   {Schema: &huma.Schema{Type: huma.TypeString}},
			"application/pkix-cert":    {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		},
	}
	register(s, put, s.putCertificate)
	remove := operation("delete-certificate", http.MethodDelete, "/me/certificate", "Remove my certificate", cdds.ActionOwnPreferences)
	remove.DefaultStatus = http.StatusNoContent
	register(s, remove, s.deleteCertificate)
}

func (s *server) getCertificate(ctx context.Context, _ *struct{}) (*certificateBody, error) {
	cert, err := s.Store.Certificate(ctx, caller(ctx).User.ID)
	if err != nil {
		return nil, err
	}
	return &certificateBody{Body: wireCertificate(cert, s.now())}, nil
}

func (s *server) putCertificate(ctx context.Context, in *putCertificateInput) (*certificateBody, error) {
	now := s.now()
	cert, err := s.Control.ImportCertificate(ctx, caller(ctx), in.RawBody, now)
	if err != nil {
		return nil, err
	}
	return &certificateBody{Body: wireCertificate(cert, now)}, nil
}

func (s *server) deleteCertificate(ctx context.Context, _ *struct{}) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.RemoveCertificate(ctx, caller(ctx), s.now())
}
