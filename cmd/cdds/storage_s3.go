package main

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"gocloud.dev/blob/s3blob"

	"cdds/control"
	"cdds/export"
)

const (
	// abortTime bounds how long an upload that has failed may take to be aborted.
	abortTime = 30 * time.Second
	// s3Parts is the most parts of an upload to S3.
	s3Parts = 10_000
	// s3Region is the region of stores that know none.
	s3Region = "us-east-1"
)

// openS3 opens a bucket of S3 or of a store that speaks its language.
// Credentials, and all that the URL does not say, come from where the SDK looks
// for them.
func openS3(ctx context.Context, u *url.URL, q url.Values) (*storage, error) {
	options, err := s3Options(q)
	if err != nil {
		return nil, err
	}
	cfg, err := s3Config(ctx, q)
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(cfg, options)
	how := s3blob.Options{EncryptionType: types.ServerSideEncryption(q.Get("ssetype")), KMSEncryptionID: q.Get("kmskeyid"), RequestChecksumCalculation: cfg.RequestChecksumCalculation}
	bucket, err := s3blob.OpenBucket(ctx, client, u.Host, &how)
	if err != nil {
		return nil, fmt.Errorf("open the artifact storage: %w", err)
	}
	return &storage{
		bucket: bucket, largest: s3Parts * export.PieceSize,
		beforeWrite: s3Upload(client, cfg.RequestChecksumCalculation, q.Get("storage_class")), beforeSign: s3Link,
		uploads: s3Uploads(client, u.Host, strings.Trim(q.Get("prefix"), "/")),
	}, nil
}

// s3Options checks the parameters of the URL and returns what they say of the
// client.
func s3Options(q url.Values) (func(*s3.Options), error) {
	pathStyle := false
	if value := q.Get("use_path_style"); value != "" {
		var err error
		if pathStyle, err = strconv.ParseBool(value); err != nil {
			return nil, badStorage("The parameter use_path_style of the artifact storage's URL is neither true nor false.", "Stores other than Amazon's mostly need true.")
		}
	}
	endpoint := q.Get("endpoint")
	if endpoint != "" {
		e, err := url.Parse(endpoint)
		if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil || e.RawQuery != "" {
			return nil, badStorage("The parameter endpoint of the artifact storage's URL is not an address.", "Write https://HOST or https://HOST:PORT, without credentials.")
		}
	}
	// Classes from which a file must be restored first are left out: a download
	// would fail for hours.
	if err := oneOf(q, "storage_class", "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY"); err != nil {
		return nil, err
	}
	if err := oneOf(q, "ssetype", "AES256", "aws:kms", "aws:kms:dsse"); err != nil {
		return nil, err
	}
	if q.Get("kmskeyid") != "" && !strings.HasPrefix(q.Get("ssetype"), "aws:kms") {
		return nil, badStorage("The artifact storage's URL names a key of KMS, and no encryption by KMS.", "Add ssetype=aws:kms.")
	}
	return func(o *s3.Options) {
		o.UsePathStyle = pathStyle
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		if o.RetryMaxAttempts == 0 { // AWS_MAX_ATTEMPTS is not set
			o.RetryMaxAttempts = storageTries
		}
	}, nil
}

// s3Config looks for region and credentials where the SDK does.
func s3Config(ctx context.Context, q url.Values) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(patient)))
	if err != nil {
		return cfg, fmt.Errorf("read the settings of the AWS SDK: %w", err)
	}
	if region := q.Get("region"); region != "" {
		cfg.Region = region
	}
	if cfg.Region == "" && (q.Get("endpoint") != "" || cfg.BaseEndpoint != nil) {
		cfg.Region = s3Region
	}
	if cfg.Region == "" {
		return cfg, badStorage("The region of the bucket is not known.", "Add region=REGION to the URL of the artifact storage, or set AWS_REGION.")
	}
	return cfg, nil
}

// s3Upload sets the storage class, and has a failed upload aborted though its
// context is over: the library would leave its parts in the bucket, where they
// cost and nobody sees them.
func s3Upload(client *s3.Client, sums aws.RequestChecksumCalculation, class string) func(as func(any) bool) error {
	return func(as func(any) bool) error {
		var manager *transfermanager.Client
		var input *transfermanager.UploadObjectInput
		if !as(&manager) || !as(&input) {
			return fmt.Errorf("the library of the artifact storage has changed: it takes no options for S3")
		}
		*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
			o.RequestChecksumCalculation = sums
			o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = export.PieceSize, export.PieceSize, export.PiecesAtOnce
			o.FailTimeout = abortTime
		})
		input.StorageClass = tmtypes.StorageClass(class)
		return nil
	}
}

// s3Link has a link say the file's name and type.
func s3Link(name string) func(as func(any) bool) error {
	return func(as func(any) bool) error {
		var input *s3.GetObjectInput
		if !as(&input) {
			return fmt.Errorf("the library of the artifact storage has changed: its links take no file name")
		}
		input.ResponseContentDisposition = aws.String(export.Disposition(name))
		return nil
	}
}

// s3Uploads lists the uploads to the bucket that have neither ended nor been
// aborted. Those of a killed process stay until somebody aborts them.
func s3Uploads(client *s3.Client, bucket, prefix string) control.Uploads {
	if prefix != "" {
		prefix += "/"
	}
	return func(ctx context.Context, under string) iter.Seq2[control.Upload, error] {
		return func(yield func(control.Upload, error) bool) {
			pages := s3.NewListMultipartUploadsPaginator(client, &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket), Prefix: aws.String(prefix + under)})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					yield(control.Upload{}, export.StorageFailure(fmt.Errorf("list the uploads: %w", err)))
					return
				}
				for _, u := range page.Uploads {
					abort := func(ctx context.Context) error {
						_, err := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String(bucket), Key: u.Key, UploadId: u.UploadId})
						return err
					}
					if !yield(control.Upload{Key: strings.TrimPrefix(aws.ToString(u.Key), prefix), Began: aws.ToTime(u.Initiated), Abort: abort}, nil) {
						return
					}
				}
			}
		}
	}
}
