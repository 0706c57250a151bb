package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"time"
)

// client is a user of the API. Where a call gets no answer, it makes the same
// call again, as a careful script does: with the same idempotency key.
type client struct {
	base     func() string // where a living node listens; "" while there is none
	http     *http.Client
	password string
	patience time.Duration // how long a call is repeated
}

// newClient returns a client of nodes that come and go.
func newClient(base func() string, password string, patience time.Duration) (*client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("make a cookie jar: %w", err)
	}
	return &client{base: base, http: &http.Client{Jar: jar, Timeout: 30 * time.Second}, password: password, patience: patience}, nil
}

// refusal is an answer that says no.
type refusal struct {
	Status       int    `json:"status"`
	Code, Detail string // of the problem document
}

// Error says what was refused.
func (r *refusal) Error() string {
	return fmt.Sprintf("the service refuses with %d %s: %s", r.Status, r.Code, r.Detail)
}

// passing reports whether the same call may work later.
func passing(err error) bool {
	var no *refusal
	if errors.As(err, &no) {
		return no.Status >= 500
	}
	return err != nil
}

// object is a JSON object of a request.
type object = map[string]any

// call makes a call until it is answered and decodes the answer.
func (c *client) call(ctx context.Context, method, path, key string, body, into any) error {
	for deadline := time.Now().Add(c.patience); ; {
		err := c.once(ctx, method, path, key, body, into)
		if !passing(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// once makes a call, and signs in where that is needed.
func (c *client) once(ctx context.Context, method, path, key string, body, into any) error {
	err := c.send(ctx, method, path, key, body, into)
	var no *refusal
	if errors.As(err, &no) && no.Status == http.StatusUnauthorized {
		if err := c.send(ctx, "POST", "/session", "", object{"username": username, "password": c.password}, nil); err != nil {
			return err
		}
		return c.send(ctx, method, path, key, body, into)
	}
	return err
}

// send sends one request. A body of bytes is sent as it is; into may be a
// writer, which then gets the answer.
func (c *client) send(ctx context.Context, method, path, key string, body, into any) (err error) {
	var reader io.Reader
	kind := "application/octet-stream"
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		reader, kind = bytes.NewReader(text), "application/json"
	}
	base := c.base()
	if base == "" {
		return errors.New("no node is up")
	}
	req, err := http.NewRequestWithContext(ctx, method, base+"/api/v1"+path, reader)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", kind)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	return answer(resp, into)
}

// answer decodes an answer.
func answer(resp *http.Response, into any) error {
	if resp.StatusCode >= 300 {
		no := &refusal{}
		if err := json.NewDecoder(resp.Body).Decode(no); err != nil {
			no.Detail = err.Error()
		}
		no.Status = resp.StatusCode
		return no
	}
	switch to := into.(type) {
	case nil:
		return nil
	case io.Writer:
		_, err := io.Copy(to, resp.Body)
		return err
	default:
		return json.NewDecoder(resp.Body).Decode(to)
	}
}

// The answers, as far as this program looks at them.
type (
	runAnswer struct {
		ID, JobID, State, Trigger string
		ScheduledFor              time.Time
		Window                    struct{ Start, End *time.Time }
		Job                       struct{ Type string }
		Artifacts                 int
		Progress                  struct{ Records int64 }
		Attempts                  []struct {
			Number     int
			FinishedAt *time.Time
			Error      *string
		}
		Error *struct{ Code, Message, Hint string }
	}
	artifactAnswer struct {
		ID, Name, SHA256 string
		Size             int64
		Damaged          any // of any form; null or false: it is not
	}
	pageOf[T any] struct {
		Items      []T
		NextCursor *string
	}
)

// ended reports whether the run is in a final state.
func (r runAnswer) ended() bool {
	return r.State == "finished" || r.State == "failed" || r.State == "canceled"
}

// damaged reports whether the service takes the artifact for damaged.
func (a artifactAnswer) damaged() bool { return a.Damaged != nil && a.Damaged != false }

// everything reads all pages of a list.
func everything[T any](ctx context.Context, c *client, path string) ([]T, error) {
	var all []T
	for cursor := ""; ; {
		var page pageOf[T]
		if err := c.call(ctx, "GET", path+cursor, "", nil, &page); err != nil {
			return nil, fmt.Errorf("list %s: %w", path, err)
		}
		all = append(all, page.Items...)
		if page.NextCursor == nil {
			return all, nil
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// sleep waits, unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
