package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"cdds"
	"cdds/control"
	"cdds/export"
)

// storage is an opened artifact storage: a folder, or a bucket of an object
// store.
type storage struct {
	bucket *blob.Bucket
	folder string // "" where the storage is no folder
	// beforeWrite sets what a store takes beside the bytes, such as how it
	// encrypts them; nil where there is nothing to set.
	beforeWrite func(as func(any) bool) error
	// beforeSign has a link name the file that it gives; nil where that is set
	// when the file is stored.
	beforeSign func(name string) func(as func(any) bool) error
	// uploads lists what is being uploaded; nil where the store forgets by itself
	// what is not finished.
	uploads control.Uploads
	largest int64 // bytes of an object; 0: any number
}

// objectStore opens the buckets of one kind of store.
type objectStore struct {
	parameters []string
	open       func(ctx context.Context, u *url.URL, q url.Values) (*storage, error)
}

// objectStores are the kinds of stores, by the scheme of their URLs.
func objectStores() map[string]objectStore {
	return map[string]objectStore{
		"s3":     {[]string{"region", "endpoint", "use_path_style", "ssetype", "kmskeyid", "storage_class", "prefix"}, openS3},
		"gs":     {[]string{"kmskeyid", "storage_class", "prefix"}, openGCS},
		"azblob": {[]string{"storage_account", "domain", "protocol", "encryption_scope", "storage_class", "prefix"}, openAzure},
	}
}

// openStorage opens the artifact storage. It asks an object store for nothing
// yet: one that is down keeps no service from starting.
func openStorage(ctx context.Context, location string) (*storage, error) {
	u, err := storageURL(location)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return openFolder(location)
	}
	if u.Scheme == "file" {
		return openFolder(filepath.FromSlash(u.Path))
	}
	q := u.Query()
	s, err := objectStores()[u.Scheme].open(ctx, u, q)
	if err != nil {
		return nil, err
	}
	if prefix := strings.Trim(q.Get("prefix"), "/"); prefix != "" {
		s.bucket = blob.PrefixedBucket(s.bucket, prefix+"/")
	}
	return s, nil
}

// storageURL reads a URL of a storage, and refuses what it could not mean. A
// plain path is nil. What is refused is named by its place and not repeated: it
// may hold a secret.
func storageURL(location string) (*url.URL, error) {
	if !strings.Contains(location, "://") {
		return nil, nil
	}
	u, err := url.Parse(location)
	if err != nil {
		return nil, badStorage("The artifact storage is not a URL.", "Give a folder, or "+storageForms+".")
	}
	if u.User != nil {
		return nil, badStorage("The URL of the artifact storage holds a username or a password.", "Credentials come from the environment and from where the store's tools look for them; docs/storage.md names the variables.")
	}
	if u.Scheme == "file" {
		if u.Host != "" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, badStorage("The artifact storage is not a file:///absolute/path URL.", "A folder takes no parameters.")
		}
		return u, nil
	}
	store, known := objectStores()[u.Scheme]
	if !known {
		return nil, badStorage("There is no artifact storage of that kind.", "Give a folder, or "+storageForms+".")
	}
	if u.Host == "" || u.Port() != "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, badStorage("The URL of the artifact storage must name a bucket and nothing behind it.", "Write "+u.Scheme+"://BUCKET, and a folder within the bucket as ?prefix=FOLDER.")
	}
	return u, checkParameters(u.RawQuery, store.parameters)
}

// storageForms is what a URL of a storage may look like.
const storageForms = "file:///PATH, s3://BUCKET, gs://BUCKET or azblob://CONTAINER"

// checkParameters refuses parameters that the store does not have, or that
// come twice.
func checkParameters(query string, known []string) error {
	hint := "It takes: " + strings.Join(known, ", ") + ". Credentials come from the environment; docs/storage.md says more."
	q, err := url.ParseQuery(query)
	if err != nil {
		return badStorage("The parameters of the artifact storage's URL cannot be read.", hint)
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return badStorage("The URL of the artifact storage has a parameter that there is not.", hint)
		}
		if len(values) != 1 || values[0] == "" {
			return badStorage("The parameter "+name+" of the artifact storage's URL needs one value.", hint)
		}
	}
	return nil
}

// oneOf refuses a parameter's value that is none of those.
func oneOf(q url.Values, name string, allowed ...string) error {
	if value := q.Get(name); value != "" && !slices.Contains(allowed, value) {
		return badStorage("The parameter "+name+" of the artifact storage's URL has a value that cannot be.", "It is one of: "+strings.Join(allowed, ", ")+".")
	}
	return nil
}

func badStorage(message, hint string) error {
	return &cdds.Error{Code: cdds.CodeInvalid, Message: message, Hint: hint}
}

// openFolder opens a folder as the artifact storage, made if it is new and
// readable by its owner only. Temporary files lie beside their final place,
// since a rename must stay within one file system.
func openFolder(folder string) (*storage, error) {
	bucket, err := fileblob.OpenBucket(folder, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open the artifact storage: %w", err)
	}
	return &storage{bucket: bucket, folder: folder}, nil
}

// folderOf returns the folder of a storage, or "" where it is an object store.
func folderOf(location string) (string, error) {
	u, err := storageURL(location)
	switch {
	case err != nil:
		return "", err
	case u == nil:
		return location, nil
	case u.Scheme == "file":
		return filepath.FromSlash(u.Path), nil
	}
	return "", nil
}

// engine returns the export engine over the storage.
func (s *storage) engine() *export.Engine {
	e := &export.Engine{Bucket: s.bucket, BeforeWrite: s.beforeWrite, Largest: s.largest}
	if s.folder != "" {
		e.Sync = s.sync
	}
	return e
}

// sync makes a stored object of a folder and its name durable: the bucket
// renames a finished file into place but does not wait for the disk. An object
// store answers only when it has done so.
func (s *storage) sync(_ context.Context, key string) error {
	path := filepath.Join(s.folder, filepath.FromSlash(key))
	if err := syncPath(path); err != nil {
		return err
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := syncPath(dir); err != nil {
			return err
		}
		if dir == s.folder || len(dir) <= len(s.folder) {
			return nil
		}
	}
}

func syncPath(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("make a stored file durable: %w", err)
	}
	err = file.Sync()
	return closing(file, err)
}

// ready returns nil when the storage can be reached. A bucket that is a folder
// takes a missing one for an empty one, so that is looked at by itself.
func (s *storage) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	there, err := s.bucket.IsAccessible(ctx)
	if err == nil && s.folder != "" {
		_, err = os.Stat(s.folder)
	}
	if s.folder == "" {
		if err == nil && !there {
			err = export.ErrNoBucket
		}
		return export.StorageFailure(err)
	}
	if err == nil && !there {
		err = errors.New("there is no such place")
	}
	if err != nil {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage cannot be reached.",
			Hint: "Look whether what --artifacts names is there and mounted.", Err: err}
	}
	return nil
}

// readyTime bounds a look at the storage, so that whoever asks gets an answer.
const readyTime = 10 * time.Second

// roundTrip writes, reads and deletes a small object, as an export would.
func (s *storage) roundTrip(ctx context.Context) error {
	const key, content = "doctor/round-trip", "cdds"
	err := s.bucket.WriteAll(ctx, key, []byte(content), &blob.WriterOptions{BeforeWrite: s.beforeWrite})
	if err == nil && s.folder != "" {
		err = s.sync(ctx, key)
	}
	if err == nil {
		var got []byte
		if got, err = s.bucket.ReadAll(ctx, key); err == nil && string(got) != content {
			err = errors.New("the storage gave back other bytes than it was given")
		}
	}
	if err == nil {
		err = s.bucket.Delete(ctx, key)
	}
	if s.folder != "" {
		return err
	}
	return export.StorageFailure(err)
}
