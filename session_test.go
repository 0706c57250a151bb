package cdds_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
)

func TestSessionLimits(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		limits cdds.SessionLimits
		broken []string
	}{
		"the defaults":             {cdds.DefaultSessionLimits(), nil},
		"nobody is remembered":     {cdds.SessionLimits{Idle: time.Hour, Absolute: 2 * time.Hour}, nil},
		"the shortest":             {cdds.SessionLimits{Idle: time.Minute, Absolute: time.Minute, Remember: time.Minute}, nil},
		"the longest":              {cdds.SessionLimits{Idle: 7 * day, Absolute: 7 * day, Remember: 366 * day}, nil},
		"idle within the grace":    {cdds.SessionLimits{Idle: 59 * time.Second, Absolute: time.Hour}, []string{"session-idle"}},
		"idle beyond the absolute": {cdds.SessionLimits{Idle: 2 * time.Hour, Absolute: time.Hour}, []string{"session-idle"}},
		"a session without end":    {cdds.SessionLimits{Idle: time.Hour, Absolute: 8 * day}, []string{"session-max"}},
		"remembered too briefly":   {cdds.SessionLimits{Idle: time.Hour, Absolute: 2 * time.Hour, Remember: time.Hour}, []string{"session-remember"}},
		"remembered for ever":      {cdds.SessionLimits{Idle: time.Hour, Absolute: 2 * time.Hour, Remember: 367 * day}, []string{"session-remember"}},
		"nothing is set":           {cdds.SessionLimits{}, []string{"session-idle", "session-max"}},
		"below zero":               {cdds.SessionLimits{Idle: -1, Absolute: -1, Remember: -2}, []string{"session-idle", "session-max", "session-remember"}},
	} {
		if got := fieldsOf(t, c.limits.Validate()); !slices.Equal(got, c.broken) {
			t.Errorf("%s: broken fields %q, want %q", name, got, c.broken)
		}
	}
}

func TestWhenSessionsEnd(t *testing.T) {
	began := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	limits := cdds.SessionLimits{Idle: 30 * time.Minute, Absolute: 12 * time.Hour}
	for _, c := range []struct{ seen, want time.Duration }{
		{0, 30 * time.Minute},
		{time.Hour, 90 * time.Minute},
		{11*time.Hour + 29*time.Minute, 11*time.Hour + 59*time.Minute},
		{11*time.Hour + 30*time.Minute, 12 * time.Hour},
		{11*time.Hour + 59*time.Minute, 12 * time.Hour},
	} {
		if got := limits.Ends(began, began.Add(c.seen)); !got.Equal(began.Add(c.want)) {
			t.Errorf("used after %s, it ends after %s, want %s", c.seen, got.Sub(began), c.want)
		}
	}
}

func TestUseOfSecret(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		exchanged time.Time
		want      cdds.SecretUse
	}{
		{time.Time{}, cdds.SecretFresh},
		{now, cdds.SecretRepeated},
		{now.Add(-cdds.RememberGrace + time.Microsecond), cdds.SecretRepeated},
		{now.Add(-cdds.RememberGrace), cdds.SecretStolen},
		{now.Add(-24 * time.Hour), cdds.SecretStolen},
		{now.Add(time.Second), cdds.SecretRepeated}, // exchanged by a node whose clock is a little ahead
	} {
		if got := cdds.UseOfSecret(c.exchanged, now); got != c.want {
			t.Errorf("exchanged at %s: %s, want %s", c.exchanged, got, c.want)
		}
	}
}

func TestBrowserName(t *testing.T) {
	for userAgent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0":                                                                         "Firefox 131 on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36":                                "Chrome 129 on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36 Edg/129.0.2792.79":              "Edge 129 on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                          "Safari 18 on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/129.0.6668.69 Mobile/15E148 Safari/604.1": "Chrome 129 on iPhone",
		"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36":     "Samsung Internet 26 on Android",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36":                                  "Chrome 140 on Linux",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36":                                 "Chrome 129 on ChromeOS",
		"curl/8.5.0":                          "curl 8",
		"Go-http-client/1.1":                  "Go-http-client 1",
		"Mozilla/5.0":                         "",
		"":                                    "",
		"<script>/1":                          "",
		"Firefox/":                            "",
		strings.Repeat("a", 200) + "/1":       "",
		"Firefox/" + strings.Repeat("9", 200): "Firefox 99999",
	} {
		if got := cdds.BrowserName(userAgent); got != want {
			t.Errorf("%.60q: %q, want %q", userAgent, got, want)
		}
	}
}
