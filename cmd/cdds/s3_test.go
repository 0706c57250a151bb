package main

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// storeTool returns the path of a program that "make test-stores" builds.
func storeTool(t testing.TB, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	path := filepath.Join(cache, "cdds", "tools", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not there; \"make test-stores\" builds it once", path)
	}
	return path
}

// storeServer is an object store in a process of its own, which a test can kill
// and start again.
type storeServer struct {
	t       testing.TB
	address string
	command func() *exec.Cmd
	running *exec.Cmd
}

// startStore starts an object store that listens at the address, and kills it at
// the end of the test.
func startStore(t testing.TB, address string, command func() *exec.Cmd) *storeServer {
	t.Helper()
	s := &storeServer{t: t, address: address, command: command}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// start starts the server and waits until it answers.
func (s *storeServer) start() {
	s.t.Helper()
	s.running = s.command()
	must(s.t, s.running.Start())
	for deadline := time.Now().Add(waitTime); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + s.address + "/")
		if err == nil {
			must(s.t, resp.Body.Close())
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the object store does not answer: %v", err)
		}
	}
}

// kill kills the server, if it runs.
func (s *storeServer) kill() {
	if s.running == nil {
		return
	}
	must(s.t, s.running.Process.Kill())
	// It was killed, and says so.
	if _, err := s.running.Process.Wait(); err != nil {
		s.t.Error(err)
	}
	s.running = nil
}

// freeAddress returns an address of this machine at which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// s3Store is an S3 server with one bucket.
type s3Store struct {
	*storeServer
	url    string   // of the bucket, for --artifacts
	env    []string // with the credentials
	client *s3.Client
}

// s3Bucket is the name of the bucket.
const s3Bucket = "artifacts"

// newS3 starts an S3 server with an empty bucket.
func newS3(t testing.TB) *s3Store {
	t.Helper()
	const access, secret = "tests-access-key", "tests-secret-key-of-the-bucket"
	spoken.secret("secret key of a bucket", secret)
	program, address, root, beside := storeTool(t, "versitygw-v1.8.0"), freeAddress(t), t.TempDir(), t.TempDir()
	s := &s3Store{storeServer: startStore(t, address, func() *exec.Cmd {
		cmd := exec.Command(program, "--quiet", "--port", address, "posix", "--sidecar", beside, root)
		cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+access, "ROOT_SECRET_KEY="+secret)
		return cmd
	})}
	s.client = s3.New(s3.Options{BaseEndpoint: aws.String("http://" + address), Region: "us-east-1", UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(access, secret, "")})
	_, err := s.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(s3Bucket)})
	must(t, err)
	s.url = "s3://" + s3Bucket + "?use_path_style=true&endpoint=" + url.QueryEscape("http://"+address)
	s.env = []string{"AWS_ACCESS_KEY_ID=" + access, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true"}
	return s
}

// startS3 starts an S3 server with an empty bucket. It returns what --artifacts
// takes, and the variables that a process of cdds needs for it.
func startS3(t testing.TB) (location string, env []string) {
	t.Helper()
	s := newS3(t)
	return s.url, s.env
}
