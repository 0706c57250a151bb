package sample

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// phraseFiles holds one file per language, named by its code. A file has
// sections, "[name]", of one phrase a line. In a phrase "{a|b|c}" is a choice
// and "{word}" one of the facts of the conversation; both may stand inside a
// choice. Empty lines and lines that begin with "# " are for the reader.
//
//go:embed phrases/*.txt
var phraseFiles embed.FS

// topics are what people get in touch about. Each has its own sections, such as
// "billing.say".
func topics() []string {
	return []string{"billing", "delivery", "appointment", "fault", "cancellation", "contract"}
}

// facts are what stays the same in one conversation, by the word that stands
// for it in a phrase.
type facts map[string]string

// factWords are the words that phrases may use.
func factWords() []string {
	return []string{
		"account", "agent", "amount", "cents", "city", "code", "date", "days", "hour", "invoice", "last", "later", "name", "order", "product", "street", "then", "units",
	}
}

// book is what one language has to say.
type book struct {
	lang      string
	share     int // of 100 contacts, how many speak it
	timeShift int // minutes from UTC to the speakers' local time
	first     []name
	last      []name
	lines     map[string][]string
	phrases   map[string][]phrase
}

// name is a first or last name.
type name struct {
	native    string // in the script of the language
	latin     string // in plain Latin letters, for mail addresses
	romanised bool   // the two are in different scripts
}

// phrase is one sentence with its gaps.
type phrase []piece

// piece is a fixed text, a fact or a choice.
type piece struct {
	text    string
	fact    string
	choices []phrase
}

// loadBooks reads all languages, in the order of their codes.
func loadBooks() ([]*book, error) {
	names, err := fs.Glob(phraseFiles, "phrases/*.txt")
	if err != nil {
		return nil, fmt.Errorf("list the phrases: %w", err)
	}
	var books []*book
	for _, name := range names {
		text, err := phraseFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the phrases: %w", err)
		}
		b, err := parseBook(strings.TrimSuffix(path.Base(name), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("read the phrases in %s: %w", name, err)
		}
		books = append(books, b)
	}
	return books, nil
}

// parseBook reads one file.
func parseBook(lang, text string) (*book, error) {
	b := &book{lang: lang, lines: map[string][]string{}, phrases: map[string][]phrase{}}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "" || strings.HasPrefix(line, "# "):
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
		default:
			p, _, err := parsePhrase(line, false)
			if err != nil {
				return nil, fmt.Errorf("the line %q is no phrase: %w", line, err)
			}
			b.lines[section] = append(b.lines[section], line)
			b.phrases[section] = append(b.phrases[section], p)
		}
	}
	b.first, b.last = names(b.lines["first"]), names(b.lines["last"])
	return b, b.check()
}

// names reads names as "native=latin". A name in Latin letters stands alone and
// loses its accents in mail addresses.
func names(lines []string) []name {
	plain := strings.NewReplacer(
		"ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss", "’", "",
		"á", "a", "à", "a", "â", "a", "Á", "A", "é", "e", "è", "e", "ë", "e", "ê", "e", "É", "E",
		"í", "i", "ï", "i", "î", "i", "Í", "I", "ó", "o", "ô", "o", "ú", "u", "ç", "c", "ñ", "n",
	)
	var list []name
	for _, line := range lines {
		native, latin, romanised := strings.Cut(line, "=")
		if !romanised {
			latin = plain.Replace(native)
		}
		list = append(list, name{native, latin, romanised})
	}
	return list
}

// parsePhrase reads up to the end of s or, inside a choice, up to the "|" or
// "}" that ends it, and returns what follows.
func parsePhrase(s string, inside bool) (p phrase, rest string, err error) {
	for s != "" {
		if inside && (s[0] == '|' || s[0] == '}') {
			return p, s, nil
		}
		if s[0] != '{' {
			end := strings.IndexAny(s, stops(inside))
			if end < 0 {
				end = len(s)
			}
			p, s = append(p, piece{text: s[:end]}), s[end:]
			continue
		}
		var next piece
		if next, s, err = parseBraces(s[1:]); err != nil {
			return nil, "", err
		}
		p = append(p, next)
	}
	if inside {
		return nil, "", fmt.Errorf("a { is not closed")
	}
	return p, "", nil
}

// stops are the characters that end a fixed text.
func stops(inside bool) string {
	if inside {
		return "{|}"
	}
	return "{"
}

// parseBraces reads what follows a "{", through its "}".
func parseBraces(s string) (piece, string, error) {
	var choices []phrase
	for {
		p, rest, err := parsePhrase(s, true)
		if err != nil {
			return piece{}, "", err
		}
		choices = append(choices, p)
		s = rest[1:]
		if rest[0] == '|' {
			continue
		}
		if len(choices) > 1 {
			return piece{choices: choices}, s, nil
		}
		if len(p) != 1 || !slices.Contains(factWords(), p[0].text) {
			return piece{}, "", fmt.Errorf("there is no such fact")
		}
		return piece{fact: p[0].text}, s, nil
	}
}

// check makes sure that a language can say everything, so that a gap in a file
// is an error at the start and not a hole in a conversation.
func (b *book) check() error {
	sections := []string{
		"share", "timeshift", "phone", "date", "amount", "first", "last", "city", "street", "title", "greeting", "bye",
		"agent.greeting", "agent.bye", "agent.hello", "probe", "confirm", "thanks", "remark",
	}
	for _, topic := range topics() {
		for _, part := range []string{"subject", "say", "ask", "tell", "solve", "note"} {
			sections = append(sections, topic+"."+part)
		}
	}
	for _, section := range sections {
		if len(b.phrases[section]) == 0 {
			return fmt.Errorf("section %s is empty", section)
		}
	}
	var err error
	if b.share, err = strconv.Atoi(b.lines["share"][0]); err != nil {
		return fmt.Errorf("section share: %w", err)
	}
	if b.timeShift, err = strconv.Atoi(b.lines["timeshift"][0]); err != nil {
		return fmt.Errorf("section timeshift: %w", err)
	}
	return nil
}

// line returns a line of the section as it stands.
func (b *book) line(r *rand.Rand, section string) string { return pick(r, b.lines[section]) }

// say returns a phrase of the section with its gaps filled and its first letter
// in upper case.
func (b *book) say(r *rand.Rand, section string, f facts) string {
	text := pick(r, b.phrases[section]).append(nil, r, f)
	first, size := utf8.DecodeRune(text)
	if upper := unicode.ToUpper(first); upper != first {
		text = append(utf8.AppendRune(nil, upper), text[size:]...)
	}
	return string(text)
}

// say2 returns two different phrases of the section, or one where it draws the
// same phrase twice.
func (b *book) say2(r *rand.Rand, section string, f facts) string {
	one, two := b.say(r, section, f), b.say(r, section, f)
	if one == two {
		return one
	}
	return one + " " + two
}

// append adds the phrase to dst.
func (p phrase) append(dst []byte, r *rand.Rand, f facts) []byte {
	for _, piece := range p {
		switch {
		case piece.fact != "":
			dst = append(dst, f[piece.fact]...)
		case piece.choices != nil:
			dst = pick(r, piece.choices).append(dst, r, f)
		default:
			dst = append(dst, piece.text...)
		}
	}
	return dst
}

// pick returns one of the values, each as likely as the other.
func pick[T any](r *rand.Rand, values []T) T { return values[r.IntN(len(values))] }

// chance is true in percent of 100 cases.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// digits replaces each # of a pattern by a digit.
func digits(r *rand.Rand, pattern string) string {
	text := []byte(pattern)
	for i := bytes.IndexByte(text, '#'); i >= 0; i = bytes.IndexByte(text, '#') {
		text[i] = byte('0' + r.IntN(10))
	}
	return string(text)
}
