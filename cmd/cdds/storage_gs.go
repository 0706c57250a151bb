package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"

	gcs "cloud.google.com/go/storage"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"

	"cdds"
	"cdds/export"
)

// openGCS opens a bucket of Google Cloud Storage by the Application Default
// Credentials.
func openGCS(ctx context.Context, u *url.URL, q url.Values) (*storage, error) {
	if err := oneOf(q, "storage_class", "STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"); err != nil {
		return nil, err
	}
	client, options, err := gcsClient(ctx)
	if err != nil {
		return nil, err
	}
	bucket, err := gcsblob.OpenBucket(ctx, client, u.Host, options)
	if err != nil {
		return nil, fmt.Errorf("open the artifact storage: %w", err)
	}
	var inner *gcs.Client
	if !bucket.As(&inner) {
		return nil, fmt.Errorf("the library of the artifact storage has changed: it gives no client of Google Cloud Storage")
	}
	// No key is written or deleted for two reasons, so all may be repeated. The
	// library alone would repeat for ever.
	inner.SetRetry(gcs.WithPolicy(gcs.RetryAlways), gcs.WithMaxAttempts(storageTries))
	key, class := q.Get("kmskeyid"), q.Get("storage_class")
	return &storage{bucket: bucket, beforeSign: gcsLink, beforeWrite: func(as func(any) bool) error {
		var w *gcs.Writer
		if !as(&w) {
			return fmt.Errorf("the library of the artifact storage has changed: it takes no options for Google Cloud Storage")
		}
		w.KMSKeyName, w.StorageClass = key, class
		return nil
	}}, nil
}

// gcsClient finds the credentials, and the key among them that signs links.
func gcsClient(ctx context.Context) (*gcp.HTTPClient, *gcsblob.Options, error) {
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return gcp.NewAnonymousHTTPClient(storageTransport()), &gcsblob.Options{}, nil
	}
	credentials, err := gcp.DefaultCredentials(ctx)
	if err != nil {
		return nil, nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "There are no credentials for Google Cloud Storage.",
			Hint: "Set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or run where one is attached.", Err: err}
	}
	client, err := gcp.NewHTTPClient(storageTransport(), gcp.CredentialsTokenSource(credentials))
	if err != nil {
		return nil, nil, fmt.Errorf("open the artifact storage: %w", err)
	}
	var account struct {
		Email string `json:"client_email"`
		Key   string `json:"private_key"`
	}
	// Credentials of a machine are not JSON; they read and write, and sign nothing.
	if len(credentials.JSON) > 0 {
		if err := json.Unmarshal(credentials.JSON, &account); err != nil {
			return nil, nil, badStorage("The file of the Google service account cannot be read.", "Look at what GOOGLE_APPLICATION_CREDENTIALS names.")
		}
	}
	return client, &gcsblob.Options{GoogleAccessID: account.Email, PrivateKey: []byte(account.Key)}, nil
}

// gcsLink has a link say the file's name.
func gcsLink(name string) func(as func(any) bool) error {
	return func(as func(any) bool) error {
		var options *gcs.SignedURLOptions
		if !as(&options) {
			return fmt.Errorf("the library of the artifact storage has changed: its links take no file name")
		}
		options.Scheme = gcs.SigningSchemeV4
		options.QueryParameters = url.Values{"response-content-disposition": {export.Disposition(name)}}
		return nil
	}
}
