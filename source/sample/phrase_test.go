package sample

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestParsePhrase reads phrases and fills their gaps.
func TestParsePhrase(t *testing.T) {
	words := facts{"name": "Zoë", "date": "1 May"}
	for _, test := range []struct {
		line string
		want []string // any of these; none: the line is refused
	}{
		{"plain text", []string{"plain text"}},
		{"for {name}", []string{"for Zoë"}},
		{"{a|b} c", []string{"a c", "b c"}},
		{"{a|} c", []string{"a c", " c"}},
		{"{on {date}|today}", []string{"on 1 May", "today"}},
		{"{{a|b}|{c|{name}}}", []string{"a", "b", "c", "Zoë"}},
		{"a | b } c", []string{"a | b } c"}},
		{"{nobody}", nil},
		{"{}", nil},
		{"{{name}}", nil},
		{"{a|b", nil},
		{"{", nil},
		{"a {b|{c} d", nil},
	} {
		p, rest, err := parsePhrase(test.line, false)
		if (err == nil) != (test.want != nil) || rest != "" {
			t.Errorf("%q: error %v, rest %q", test.line, err, rest)
			continue
		}
		if err != nil {
			continue
		}
		r := rand.New(rand.NewPCG(1, 2))
		seen := map[string]bool{}
		for range 200 {
			seen[string(p.append(nil, r, words))] = true
		}
		for got := range seen {
			if !slices.Contains(test.want, got) {
				t.Errorf("%q gives %q, want one of %q", test.line, got, test.want)
			}
		}
		if len(seen) != len(test.want) {
			t.Errorf("%q gives %d different texts, want %d", test.line, len(seen), len(test.want))
		}
	}
}

// TestParseBookRefuses gives languages that cannot say everything.
func TestParseBookRefuses(t *testing.T) {
	whole, err := phraseFiles.ReadFile("phrases/en.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseBook("en", string(whole)); err != nil {
		t.Fatalf("the whole file is refused: %v", err)
	}
	for name, text := range map[string]string{
		"a section is missing":   strings.Replace(string(whole), "[fault.note]", "[fault.notes]", 1),
		"the share is no number": strings.Replace(string(whole), "[share]\n", "[share]\nmany\n", 1),
		"a word is unknown":      strings.Replace(string(whole), "{invoice}", "{bill}", 1),
		"an empty file":          "",
	} {
		if _, err := parseBook("en", text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestBooks makes sure that the languages share all contacts and that no
// phrase leaves a gap.
func TestBooks(t *testing.T) {
	books, err := loadBooks()
	if err != nil {
		t.Fatal(err)
	}
	shares := 0
	words := facts{}
	for _, word := range factWords() {
		words[word] = "x"
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, b := range books {
		shares += b.share
		for section, phrases := range b.phrases {
			for _, p := range phrases {
				for range 20 {
					if text := string(p.append(nil, r, words)); strings.ContainsAny(text, "{|}") || strings.TrimSpace(text) == "" {
						t.Errorf("%s, section %s: %q", b.lang, section, text)
					}
				}
			}
		}
		for _, n := range slices.Concat(b.first, b.last) {
			if n.latin == "" || strings.ContainsFunc(n.latin, func(c rune) bool { return c > 'z' }) {
				t.Errorf("%s: the name %q has no form in plain Latin letters: %q", b.lang, n.native, n.latin)
			}
		}
	}
	if shares != 100 {
		t.Errorf("the languages share %d of 100 contacts", shares)
	}
}
