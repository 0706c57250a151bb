package cdds

// Encryption is how a user's artifacts are encrypted.
type Encryption string

// The kinds of encryption.
const (
	// EncryptionCompatible is AES-256-CBC with RSA PKCS #1 v1.5, which every
	// S/MIME tool opens.
	EncryptionCompatible Encryption = "compatible"
	// EncryptionAuthenticated is AES-256-GCM with RSA-OAEP, which newer tools
	// open, and which no change goes unnoticed in.
	EncryptionAuthenticated Encryption = "authenticated"
)

// Validate returns nil, or CodeInvalid for what is no kind of encryption.
func (e Encryption) Validate() error {
	if e != EncryptionCompatible && e != EncryptionAuthenticated {
		return Invalid("encryption", "must be compatible or authenticated.")
	}
	return nil
}
