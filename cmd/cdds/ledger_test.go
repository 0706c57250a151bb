package main

import (
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ledger keeps what must never be said, and what was said: the secrets and the
// record texts that these tests know, and all output of the services and the
// commands that they start. At the end of the tests it is searched.
type ledger struct {
	mu      sync.Mutex
	secrets map[string]string // kind by text
	said    []saying
}

// saying is the output of one service or command.
type saying struct{ by, text string }

// spoken is the ledger of all tests of this package.
var spoken ledger

// shortest is the length below which a text is too common to be searched for.
const shortest = 8

// secret notes a text that must never be said.
func (l *ledger) secret(kind, text string) {
	if len(text) < shortest {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.secrets == nil {
		l.secrets = map[string]string{}
	}
	l.secrets[text] = kind
}

// output notes what was said.
func (l *ledger) output(by, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, saying{by, text})
}

// search returns where a secret was said. It names the kind and the place, and
// does not say the secret again.
func (l *ledger) search() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	begins := map[string][]string{}
	for text := range l.secrets {
		begins[text[:shortest]] = append(begins[text[:shortest]], text)
	}
	var found []string
	for _, s := range l.said {
		for i := 0; i+shortest <= len(s.text); i++ {
			for _, text := range begins[s.text[i:i+shortest]] {
				if strings.HasPrefix(s.text[i:], text) {
					line := strings.Count(s.text[:i], "\n") + 1
					found = append(found, fmt.Sprintf("%s: a %s is in line %d of the output", s.by, l.secrets[text], line))
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// judge says what was found and turns a code of success into one of failure.
func (l *ledger) judge(w io.Writer, code int) int {
	found := l.search()
	for _, place := range found {
		fmt.Fprintln(w, "secret in the output:", place)
	}
	fmt.Fprintf(w, "%d secrets and record texts were searched for in %d outputs\n", len(l.secrets), len(l.said))
	if len(found) > 0 {
		return max(code, 1)
	}
	return code
}

// demoSecrets notes what a sample has: the password, the key's lines, and texts
// of its records.
func (l *ledger) demoSecrets(t testing.TB, out demoOutput) {
	t.Helper()
	l.secret("password", out.Password)
	key, err := os.ReadFile(out.Key)
	must(t, err)
	for _, line := range strings.Split(string(key), "\n") {
		if !strings.HasPrefix(line, "-----") {
			l.secret("line of a private key", line)
		}
	}
	db, err := sql.Open("sqlite", out.Source)
	must(t, err)
	defer db.Close()
	rows, err := db.Query("select text from interaction where text is not null order by id limit 20")
	must(t, err)
	defer rows.Close()
	words := regexp.MustCompile(`[\p{L} ,.]{30,}`)
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		l.secret("record's text", strings.TrimSpace(words.FindString(text)))
	}
	must(t, rows.Err())
}

// argumentSecrets notes the passwords of DSNs in a command line, and one that
// comes on standard input.
func (l *ledger) argumentSecrets(args []string, stdin string) {
	for _, arg := range args {
		_, value, _ := strings.Cut(arg, "=")
		for _, text := range []string{arg, value} {
			if u, err := url.Parse(text); err == nil && u.User != nil {
				password, _ := u.User.Password()
				l.secret("DSN's password", password)
			}
		}
		if arg == "--password-stdin" {
			l.secret("password", strings.TrimSpace(stdin))
		}
	}
}

// answerSecrets notes the secret of a token that was just made.
func (l *ledger) answerSecrets(text string) {
	for _, token := range regexp.MustCompile(`cdds_[A-Za-z0-9_-]{20,}`).FindAllString(text, -1) {
		l.secret("token", token)
	}
}

// TestLedger holds that the search finds what was said, names no secret, and
// finds nothing else.
func TestLedger(t *testing.T) {
	var l ledger
	l.secret("password", "correct horse battery")
	l.secret("token", "cdds_0123456789")
	l.secret("short", "x")
	l.output("one", "all is well\ncorrect horse stable cdds_012345678\n")
	if found := l.search(); len(found) != 0 {
		t.Errorf("found %v", found)
	}
	l.output("two", "fine\nthe password is correct horse battery; and cdds_0123456789")
	found := l.search()
	want := []string{"two: a password is in line 2 of the output", "two: a token is in line 2 of the output"}
	if !slices.Equal(found, want) {
		t.Errorf("found %v", found)
	}
	if l.judge(io.Discard, 0) != 1 {
		t.Error("a secret in the output does not fail the tests")
	}
}
