//go:build long

package sample_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cdds/source/sample"
)

// childSize makes the test binary write one sample and report its memory.
const childSize = "CDDS_SAMPLE_CHILD_INTERACTIONS"

// TestMain lets the tests start this program again, to measure the memory of
// one sample and nothing else.
func TestMain(m *testing.M) {
	size := os.Getenv(childSize)
	if size == "" {
		os.Exit(m.Run())
	}
	if err := child(size); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child writes a sample into the current folder and prints the peak of its
// resident memory in KiB.
func child(size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	opts := options()
	opts.Interactions, opts.Contacts = n, n/5
	if _, err := sample.Write(context.Background(), "history.db", opts); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if peak, found := strings.CutPrefix(line, "VmHWM:"); found {
			fmt.Print(strings.Fields(peak)[0])
		}
	}
	return nil
}

// TestMemoryIsConstant writes a small and a large sample and compares the peaks
// of their memory.
func TestMemoryIsConstant(t *testing.T) {
	peaks := map[int]int{}
	for _, size := range []int{50_000, 1_000_000} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), childSize+"="+strconv.Itoa(size))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%d interactions: %v", size, err)
		}
		if peaks[size], err = strconv.Atoi(string(out)); err != nil {
			t.Fatalf("%d interactions: the answer is %q", size, out)
		}
		t.Logf("%d interactions: at most %d KiB", size, peaks[size])
	}
	if peaks[1_000_000] > peaks[50_000]*12/10 {
		t.Errorf("memory grows with the number of interactions: %v KiB", peaks)
	}
}

// TestDefaults writes what "cdds demo" writes and looks at its size.
func TestDefaults(t *testing.T) {
	s, db := write(t, filepath.Join(t.TempDir(), "history.db"), sample.Options{End: options().End})
	if s.Interactions != 50_000 || s.Contacts != 10_000 {
		t.Errorf("%d interactions and %d contacts by default", s.Interactions, s.Contacts)
	}
	if n := number(t, db, "SELECT count(*) FROM interaction WHERE tenantid <> 101"); n != 0 {
		t.Errorf("%d interactions are not of tenant 101", n)
	}
	t.Logf("%d bytes", s.Bytes)
	if s.Bytes > 80<<20 {
		t.Errorf("the file has %d bytes", s.Bytes)
	}
	emails := s.MediaTypes["email"]
	carriers := number(t, db, "SELECT count(DISTINCT entityid) FROM attachment")
	if carriers < emails/200 || carriers > emails/50 {
		t.Errorf("%d of %d mails have attachments, want about one of a hundred", carriers, emails)
	}
}
