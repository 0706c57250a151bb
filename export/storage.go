package export

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"cdds"
	"cdds/cms"
)

// Object stores upload in pieces of this size, of which S3 takes 10,000: so one
// artifact may grow to 156 GiB. As many as PiecesAtOnce are on their way at a
// time, and the libraries hold one or two more, which bounds the memory.
const (
	PieceSize    = 16 << 20
	PiecesAtOnce = 2
)

// writerOptions are those of an object. The name is what browsers call the file
// that they get by a link of the store's own.
func (e *Engine) writerOptions(name string) *blob.WriterOptions {
	return &blob.WriterOptions{
		ContentType: "application/pkcs7-mime", DisableContentTypeDetection: true, ContentDisposition: Disposition(name),
		BufferSize: PieceSize, MaxConcurrency: PiecesAtOnce, BeforeWrite: e.BeforeWrite,
	}
}

// Disposition is the header that has a browser keep a file under a name. The
// name is one of an artifact, and has no character to quote.
func Disposition(name string) string { return `attachment; filename="` + name + `"` }

var (
	// ErrNoBucket is the error of a bucket that is not there.
	ErrNoBucket = errors.New("there is no such bucket")
	// errTooLarge is the error of an artifact that the storage cannot hold.
	errTooLarge = errors.New("the artifact is larger than an object of the storage may be")
)

// StorageFailure says what is wrong with the storage, or with how much is written
// to it, and what to do. Errors that speak for themselves pass, and so does the
// end of a context.
func StorageFailure(err error) error {
	var ours *cdds.Error
	switch {
	case err == nil || errors.As(err, &ours) || errors.Is(err, context.Canceled) || errors.Is(err, ErrNoRoom):
		return err
	case errors.Is(err, cms.ErrTooLong):
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The export is larger than the 64 GiB that one file with authenticated encryption may have.",
			Hint: "Give the job a file split size, or its owner chooses compatible encryption under User preferences; then start the job again.", Err: err}
	case errors.Is(err, errTooLarge):
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The export is larger than one file in this artifact storage may be.",
			Hint: "Give the job a file split size; then start the job again.", Err: err}
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage is full.", Hint: "Free space there, or shorten the retention; then retry the run.", Err: err}
	}
	return storeFailure(err)
}

// storeFailure reads what an object store answered.
func storeFailure(err error) error {
	answer := ""
	var coded interface{ ErrorCode() string } // of the AWS SDK
	if errors.As(err, &coded) {
		answer = coded.ErrorCode()
	}
	e := &cdds.Error{Code: cdds.CodeUnavailable, Err: err}
	switch code := gcerrors.Code(err); {
	case answer == "RequestTimeTooSkewed":
		e.Message = "The clock of this machine is too far from the artifact storage's."
		e.Hint = "Set the machine's clock; a time service keeps it right. Then retry the run."
	case code == gcerrors.PermissionDenied || slices.Contains([]string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}, answer):
		e.Message = "The artifact storage refuses the service's credentials, or what it is asked for with them."
		e.Hint = "Compare the credentials in the service's environment and the rights that they have with docs/storage.md; cdds doctor tries them. Then retry the run."
	case code == gcerrors.NotFound || errors.Is(err, ErrNoBucket):
		e.Message = "The bucket of the artifact storage is not there."
		e.Hint = "Look at what --artifacts names, or make the bucket; cdds doctor tries it. Then retry the run."
	default:
		e.Message = "The artifact storage did not do what it was asked for."
		e.Hint = "Look whether the artifact storage is up, whether this machine reaches it, and whether its credentials are set; cdds doctor tries it. Then retry the run."
	}
	return e
}
