package cdds_test

import (
	"slices"
	"strings"
	"testing"

	"cdds"
)

func TestGuessablePasswords(t *testing.T) {
	names := []string{"Jane Doemont", "Acme-Insurances Ltd"}
	refused := []string{
		"123456789012", "1234567890123456", "098765432109", "qwertyuiop[]", "QWERTZuiop123", "1qaz2wsx3edc", "q1w2e3r4t5y6", "abcdefghijkl", "zyxwvutsrqponm",
		"xxxxxxxxxxxx", "abcabcabcabc", "horsehorsehor", "1212121212121", "🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑", "aaaaaabbbbbb", "111111222222",
		"passwordpassword", "Password12345", "password-2026", "P@ssw0rd2026!", "Administrator1", "administrator!!", "changeme1234", "Welcome2Cdds!", "welcome to cdds",
		"Summer2025!!!", "September2026", "iloveyou12345", "Letmein123456", "horse-horse-2026", "contact history", "Cloud Data Download",
		"janedoemont1", "Jane.Doemont.1", "acme-insurances", "Acme2026Jane!", "d0em0nt-@cme", "!@#$%^&*()_+",
	}
	for _, password := range refused {
		err := cdds.ValidatePassword(password, names...)
		if got := fieldsOf(t, err); !slices.Equal(got, []string{"password"}) {
			t.Errorf("%q is accepted", password)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("%q: the refusal repeats the password", password)
		}
	}
	accepted := []string{
		"correct horse battery", "a long enough password", "the password of somebody", "my tenant's second key",
		"tulip-ladder-frost", "xq7-laddersx", "kq3v9xw2mzp7", "830175926417", "YH3K-Q7WD-2LPA-ZT6M-V4RB-NE5S", "ẞüßeste Grüße!", "парольный пирог", "これは長いパスワードです",
		"🔑🎉🚀🌍🍀🐢🎸🧭🪁🥨🛶🦉", "~|}{`^<>=?§°", "the king of friday is a black monkey on the train",
	}
	for _, password := range accepted {
		if err := cdds.ValidatePassword(password, names...); err != nil {
			t.Errorf("%q is refused: %v", password, err)
		}
	}
}

// TestNamesAreOfTheirUser takes the same password for two users.
func TestNamesAreOfTheirUser(t *testing.T) {
	const password = "doemont-velbert-77"
	if err := cdds.ValidatePassword(password, "jane", "acme"); err != nil {
		t.Errorf("for somebody else: %v", err)
	}
	if got := fieldsOf(t, cdds.ValidateNewUser("Doemont", password, cdds.RoleViewer, "Velbert AG")); !slices.Equal(got, []string{"password"}) {
		t.Errorf("of the user's and the tenant's names: broken fields %q", got)
	}
}
