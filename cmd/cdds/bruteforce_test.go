package main

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestGuessingPasswords sends 10,000 sign-ins for one account. Few of them are
// looked at, the rest are told to wait, and others are answered meanwhile.
func TestGuessingPasswords(t *testing.T) {
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	// The lockout alone is judged: no other limit may do its work.
	s := serve(t, "--data", data, "--address-rate", "0", "--user-rate", "0")
	admin := s.signIn(t, out.Username, out.Password)
	const guesses, senders = 10_000, 20
	var looked, limited, others atomic.Int64
	ended := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
				admin.ok("GET", "/jobs", nil, nil)
				others.Add(1)
			}
		}
	})
	var guessing sync.WaitGroup
	for sender := range senders {
		guessing.Go(func() {
			c := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Timeout: waitTime}}
			for i := range guesses / senders {
				status, header, _ := c.do("POST", "/session", object{"username": out.Username, "password": "guess " + strconv.Itoa(sender*guesses+i)}, nil)
				wait, err := strconv.Atoi(header.Get("Retry-After"))
				switch {
				case status == http.StatusUnauthorized:
					looked.Add(1)
				case status == http.StatusTooManyRequests && err == nil && wait >= 1:
					limited.Add(1)
				default:
					t.Errorf("status %d, Retry-After %q", status, header.Get("Retry-After"))
				}
			}
		})
	}
	began := time.Now()
	guessing.Wait()
	took := time.Since(began)
	close(ended)
	group.Wait()
	t.Logf("%d guesses in %s: %d were looked at, %d were told to wait; meanwhile %d other requests were answered", guesses, took.Round(time.Millisecond), looked.Load(), limited.Load(), others.Load())
	if looked.Load() > 20 || others.Load() == 0 {
		t.Error("the lockout does not work, or nobody else was answered")
	}
	c := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Timeout: waitTime}}
	if p := c.fails(http.StatusTooManyRequests, "POST", "/session", object{"username": out.Username, "password": out.Password}); p.Code != "limited" || p.Hint == "" {
		t.Errorf("the owner is told %+v", p)
	}
}
