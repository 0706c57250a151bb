package cdds

import (
	"strings"
	"unicode"
)

// Who guesses passwords begins with lists. What stands on them with twelve
// characters or more is nearly always a few pieces of the kinds below, one after
// the other. So there is a rule in place of a list: it needs no update and finds
// the names of this user and this tenant as well.

// mostPieces is up to how many such pieces a password is thought to be guessed.
// Five and more words of a short list are many possibilities.
const mostPieces = 4

// guessable reports whether a password in lower case consists of at most four
// pieces, each a common word, a name, a number, a row of keys or of one
// character.
func guessable(password string, names []string) bool {
	text := []rune(password)
	words, rows := append(commonWords(), nameWords(names)...), keyRows()
	const never = 1 << 20
	pieces := make([]int, len(text)+1) // the fewest pieces up to each place
	for i := range pieces[1:] {
		pieces[i+1] = never
	}
	for i := range text {
		if pieces[i] == never {
			continue
		}
		if separates(text, i) {
			pieces[i+1] = min(pieces[i+1], pieces[i])
		}
		for _, n := range pieceLengths(text, i, words, rows) {
			pieces[i+n] = min(pieces[i+n], pieces[i]+1)
		}
	}
	return pieces[len(text)] <= mostPieces
}

// pieceLengths are the lengths of all pieces that begin at a place.
func pieceLengths(text []rune, at int, words [][]rune, rows []string) []int {
	var lengths []int
	for _, word := range words {
		if begins(text[at:], word) {
			lengths = append(lengths, len(word))
		}
	}
	for _, n := range []int{number(text, at), repetition(text[at:]), row(text[at:], rows)} {
		if n > 0 {
			lengths = append(lengths, n)
		}
	}
	return lengths
}

// separates reports whether the character at a place is one of few signs between
// two pieces: a text of signs alone is no weaker than one of letters.
func separates(text []rune, at int) bool {
	sign := func(i int) bool { return !unicode.IsLetter(text[i]) && !unicode.IsDigit(text[i]) }
	if !sign(at) {
		return false
	}
	first, end := at, at+1
	for first > 0 && sign(first-1) {
		first--
	}
	for end < len(text) && sign(end) {
		end++
	}
	return end-first <= 3
}

// number counts the digits at a place, all of a date's or of something shorter.
// A longer number is as good as a text of that length.
func number(text []rune, at int) int {
	if at > 0 && unicode.IsDigit(text[at-1]) {
		return 0
	}
	n := 0
	for at+n < len(text) && unicode.IsDigit(text[at+n]) {
		n++
	}
	if n > len("20260131") {
		return 0
	}
	return n
}

// repetition counts how often the first character stands there, if thrice at
// least.
func repetition(text []rune) int {
	n := 1
	for n < len(text) && text[n] == text[0] {
		n++
	}
	if n < 3 {
		return 0
	}
	return n
}

// row counts the characters that follow one another in the alphabet, in the
// digits or on a keyboard, either way, if there are four at least.
func row(text []rune, rows []string) int {
	longest := 0
	for _, keys := range rows {
		n := 0
		for n < len(text) && (n == 0 || strings.Contains(keys, string(text[n-1:n+1]))) {
			n++
		}
		longest = max(longest, n)
	}
	if longest < 4 {
		return 0
	}
	return longest
}

// keyRows are the rows, from left to right and back.
func keyRows() []string {
	rows := []string{
		"abcdefghijklmnopqrstuvwxyz", "01234567890", "!@#$%^&*()_+", `!"§$%&/()=?`,
		"qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "qwertzuiopü", "yxcvbnm,.-", "azertyuiop",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.", "q1w2e3r4t5y6u7i8o9p0", "1q2w3e4r5t6y7u8i9o0p",
	}
	for _, keys := range rows {
		back := []rune(keys)
		for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
			back[i], back[j] = back[j], back[i]
		}
		rows = append(rows, string(back))
	}
	return rows
}

// begins reports whether a text begins with a word, also where signs that look
// alike stand for its letters.
func begins(text, word []rune) bool {
	if len(text) < len(word) {
		return false
	}
	for i, r := range word {
		if text[i] != r && !strings.ContainsRune(lookAlikes(r), text[i]) {
			return false
		}
	}
	return true
}

// lookAlikes are the signs that people write in place of a letter.
func lookAlikes(letter rune) string {
	switch letter {
	case 'a':
		return "4@"
	case 'b':
		return "8"
	case 'e':
		return "3€"
	case 'g':
		return "9"
	case 'i':
		return "1!"
	case 'l':
		return "1|"
	case 'o':
		return "0"
	case 's':
		return "5$"
	case 't':
		return "7+"
	}
	return ""
}

// nameWords are the words of names that a password must not be made of. Shorter
// ones than three letters are in every text.
func nameWords(names []string) [][]rune {
	var words [][]rune
	for _, name := range names {
		for _, word := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if letters := []rune(word); len(letters) >= 3 {
				words = append(words, letters)
			}
		}
	}
	return words
}

// commonWords are what such lists are made of: words for a password itself, for
// who signs in and where, for this product, the calendar, greetings, and things
// that people love.
func commonWords() [][]rune {
	const text = `
		password passwort passwd passw pass pwd passphrase secret geheim kennwort login signin logon access enter open unlock key master
		changeme change default initial temp temporary test testing tester demo sample example guest user users username
		admin admins administrator root super superuser manager operator service system server database
		cdds cloud data download export contact history customer center company office work business computer internet
		welcome willkommen hello hallo letmein iloveyou love loveyou forever trustno trust please whatever nothing
		january february march april june july august september october november december januar februar oktober dezember
		monday tuesday wednesday thursday friday saturday sunday montag freitag sonntag
		spring summer autumn winter sommer herbst today tomorrow
		dragon monkey tiger eagle horse kitty butterfly chocolate cookie cheese pepper flower sunshine princess prince king queen
		angel angels baby babygirl babyboy lovely lucky happy smile friend friends family mother father brother sister daddy mommy
		football baseball basketball soccer hockey liverpool arsenal chelsea barcelona ferrari mercedes porsche corvette mustang
		superman batman spiderman starwars pokemon matrix shadow ninja warrior killer hunter ranger jordan michael jennifer jessica
		ashley charlie daniel thomas andrew robert joshua matthew george nicole jackson william alexander christian
		london paris berlin america england germany deutschland canada australia newyork california
		blue red green black white yellow orange purple silver golden gold diamond money freedom heaven jesus christ
		qwerty qwertz azerty asdf zxcv zaq1 abc one two three four five six seven eight nine ten
		my the you your and for is me not this it in on to i`
	fields := strings.Fields(text)
	words := make([][]rune, len(fields))
	for i, word := range fields {
		words[i] = []rune(word)
	}
	return words
}
