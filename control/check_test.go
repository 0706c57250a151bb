package control_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"cdds"
	"cdds/queue"
)

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantCode(t testing.TB, what string, err error, code cdds.Code) {
	t.Helper()
	if cdds.CodeOf(err) != code {
		t.Fatalf("%s: got error %v with code %q, want code %q", what, err, cdds.CodeOf(err), code)
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// got unpacks a call that must not fail.
func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		noError(t, err)
		return v
	}
}

// sameTask reports whether the queue's own form of a task names the attempt.
func sameTask(t testing.TB, args, runID string, attempt int) bool {
	t.Helper()
	var task queue.Task
	noError(t, json.Unmarshal([]byte(args), &task)) // keys match in any case
	return task == queue.Task{RunID: runID, Attempt: attempt}
}
