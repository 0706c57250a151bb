package cdds

import "time"

// MaxRecipients is how many recipients a tenant may have. Each costs about half a
// kilobyte in every artifact.
const MaxRecipients = 20

// Recipient is a certificate that all artifacts of a tenant are encrypted to,
// beside that of the job's owner: an escrow, or a second officer.
type Recipient struct {
	ID          string
	TenantID    string
	Title       string // whose it is, for people
	Certificate Certificate
	AddedBy     string // username
	AddedAt     time.Time
}

// ValidateRecipientTitle returns nil or says what is wrong with a recipient's
// title.
func ValidateRecipientTitle(title string) error { return validateName("title", title) }
