package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// markers are the secrets and record texts that the tests use, and what they
// are. A test that needs a password, a DSN's password or a record's text to be
// kept secret takes one of these, or puts its own here.
func markers() map[string]string {
	return map[string]string{
		"hidden-word":                              "DSN's password",
		"s3cret-w0rd":                              "DSN's password",
		"correct horse battery":                    "password",
		"a long enough password":                   "password",
		"a-password-of-":                           "password",
		"the customer's secret sentence":           "record's text",
		"a customer's words that no disk may hold": "record's text",
		"PRIVATE KEY-----":                         "private key",
	}
}

// leaks returns the kinds of secrets that a text holds. The text itself is not
// shown again.
func leaks(text string) []string {
	var kinds []string
	for marker, kind := range markers() {
		if strings.Contains(text, marker) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// searchLines passes lines on, searches them and some files, and returns how
// many secrets there are. A file that is not there is one, since nobody knows
// what it would have said.
func searchLines(in io.Reader, out io.Writer, files []string) int {
	found := 0
	search := func(r io.Reader, name string, w io.Writer) error {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 64<<20)
		for n := 1; lines.Scan(); n++ {
			kinds := leaks(lines.Text())
			for _, kind := range kinds {
				found++
				fmt.Fprintf(out, "SECRET: a %s is in line %d of %s\n", kind, n, name)
			}
			if len(kinds) == 0 {
				fmt.Fprintln(w, lines.Text())
			}
		}
		return lines.Err()
	}
	if err := search(in, "the output", out); err != nil {
		fmt.Fprintln(out, "tally: the output cannot be read:", err)
		found++
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err == nil {
			err = search(file, name, io.Discard)
		}
		if err != nil {
			fmt.Fprintln(out, "tally: an output cannot be searched:", err)
			found++
		}
	}
	return found
}
