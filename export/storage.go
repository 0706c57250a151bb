package export

import (
	"context"
	"errors"
	"syscall"

	"gocloud.dev/blob"

	"cdds"
	"cdds/cms"
)

// writerOptions are those of all objects. Object stores upload in pieces of the
// buffer's size, of which S3 takes 10,000: 16 MiB let one artifact grow to
// 156 GiB. Two pieces on their way at a time bound the memory.
func writerOptions() *blob.WriterOptions {
	return &blob.WriterOptions{
		ContentType: "application/pkcs7-mime", DisableContentTypeDetection: true,
		BufferSize: 16 << 20, MaxConcurrency: 2,
	}
}

// storageFailure says what is wrong with the storage, or with how much is written
// to it. Errors that speak for
// themselves pass, and so does the end of a context.
func storageFailure(err error) error {
	var ours *cdds.Error
	switch {
	case err == nil || errors.As(err, &ours) || errors.Is(err, context.Canceled) || errors.Is(err, ErrNoRoom):
		return err
	case errors.Is(err, cms.ErrTooLong):
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The export is larger than the 64 GiB that one file with authenticated encryption may have.",
			Hint: "Give the job a file split size, or its owner chooses compatible encryption under User preferences; then start the job again.", Err: err}
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage is full.", Hint: "Free space there, or shorten the retention; then retry the run.", Err: err}
	}
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage did not do what it was asked for.", Hint: "Check the artifact storage and the access to it; then retry the run.", Err: err}
}
