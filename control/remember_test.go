package control

import "testing"

// TestDerivedSecrets: the same again from the same, and nothing that follows
// from the exchanged secret alone, from the salt alone, or from each other.
func TestDerivedSecrets(t *testing.T) {
	first, again := derivedSecrets("secret", "salt"), derivedSecrets("secret", "salt")
	if first != again {
		t.Error("the same answer cannot be given again")
	}
	seen := map[string]bool{}
	for _, from := range [][2]string{{"secret", "salt"}, {"secret", "other salt"}, {"other secret", "salt"}, {"secret", ""}} {
		s := derivedSecrets(from[0], from[1])
		for _, secret := range []string{s.session, s.remember} {
			if seen[secret] || len(secret) != 43 {
				t.Errorf("from %q comes %q, which is not new or not 256 bits", from, secret)
			}
			seen[secret] = true
		}
	}
}
