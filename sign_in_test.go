package cdds_test

import (
	"testing"
	"time"

	"cdds"
)

func TestSignInWait(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const pair, account, address = cdds.SubjectAccountAtAddress, cdds.SubjectAccount, cdds.SubjectAddress
	for _, c := range []struct {
		subject  cdds.SignInSubject
		failures int
		ago      time.Duration
		want     time.Duration
	}{
		{pair, 0, 0, 0},
		{pair, 4, 0, 0},
		{pair, 5, 0, time.Second},
		{pair, 5, 400 * time.Millisecond, 600 * time.Millisecond},
		{pair, 5, time.Second, 0},
		{pair, 6, 0, 2 * time.Second},
		{pair, 14, 0, 512 * time.Second},
		{pair, 15, 0, 15 * time.Minute},
		{pair, 1 << 30, 0, 15 * time.Minute},
		{pair, 1 << 30, 14 * time.Minute, time.Minute},
		{pair, 1 << 30, 24 * time.Hour, 0},
		{account, 34, 0, 0},
		{account, 35, 0, time.Second},
		{address, 99, 0, 0},
		{address, 100, 0, time.Second},
		{address, 120, 0, 15 * time.Minute},
		{pair, 9, -time.Hour, time.Hour + 16*time.Second}, // a clock that was set back only delays
	} {
		if got := cdds.SignInWait(c.subject, c.failures, now.Add(-c.ago), now); got != c.want {
			t.Errorf("%s, %d failures, %s ago: %s, want %s", c.subject, c.failures, c.ago, got, c.want)
		}
	}
}

// TestGuessesInAnHour guesses from everywhere, as soon as each wait is over: for
// one account no more than ASVS 4.0, 2.2.1, allows, though its name can be
// written in two ways, with the tenant and without.
func TestGuessesInAnHour(t *testing.T) {
	began := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	guesses := 0
	for now := began; ; guesses++ {
		now = now.Add(cdds.SignInWait(cdds.SubjectAccount, guesses, now, now))
		if now.Sub(began) > time.Hour {
			break
		}
	}
	if guesses < 36 || 2*guesses > 100 {
		t.Errorf("%d guesses within an hour", 2*guesses)
	}
	t.Logf("%d guesses within an hour", 2*guesses)
}
