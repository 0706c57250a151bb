package cdds

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of passwords.
const (
	minPasswordLength = 12
	maxPasswordLength = 256
)

// ValidatePassword returns nil or says what is wrong with a new password. Its
// length is what counts; no kinds of characters are demanded (NIST SP 800-63B).
// Neither is it one of those that are tried first: names are the user's own and
// the tenant's, of which it must not be made either.
func ValidatePassword(password string, names ...string) error {
	if !utf8.ValidString(password) {
		return Invalid("password", "must be valid UTF-8.")
	}
	// A row of spaces counts as one (ASVS 4.0, 2.1.1). It is hashed as it is.
	counted := regexp.MustCompile(` {2,}`).ReplaceAllLiteralString(password, " ")
	if utf8.RuneCountInString(counted) < minPasswordLength || utf8.RuneCountInString(password) > maxPasswordLength {
		return Invalid("password", "must have 12 to 256 characters.")
	}
	if unit := shortestUnit([]rune(password)); unit < minPasswordLength {
		return Invalid("password", "must not be a short text that is repeated.")
	}
	if guessable(strings.ToLower(password), names) {
		return Invalid("password", "must not be made of common words, names, years and rows of keys alone; add words of your own.")
	}
	return nil
}

// shortestUnit is the length of the shortest text that gives the whole one when
// it is repeated at least once, the last time perhaps in part.
func shortestUnit(text []rune) int {
	for unit := 1; unit*2 <= len(text); unit++ {
		same := true
		for i := unit; i < len(text) && same; i++ {
			same = text[i] == text[i-unit]
		}
		if same {
			return unit
		}
	}
	return len(text)
}
