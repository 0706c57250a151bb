package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"regexp"

	"github.com/alecthomas/kong"
)

// redact takes passwords out of a text that may repeat a DSN, and signatures and
// keys out of one that may repeat an address or the settings of an object store.
// Errors of ours hold none; those of libraries and of the command line may.
func redact(text string) string {
	text = regexp.MustCompile(`(?i)((?:\bsig|X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature|AccountKey|SharedAccessSignature|secret_?access_?key)=)[^\s&;'"]+`).ReplaceAllString(text, "${1}***")
	text = regexp.MustCompile(`(://[^\s/@:]*:)\S*@`).ReplaceAllString(text, "${1}***@")
	return regexp.MustCompile(`(?i)((?:password|passwd|pwd)\s*=\s*)('[^']*'|[^\s&'"]+)`).ReplaceAllString(text, "${1}***")
}

// redactor takes secrets out of everything that is written through it. Each
// write is one line or more, as the log and the errors make them.
type redactor struct{ to io.Writer }

// Write writes the text without its secrets.
func (r redactor) Write(p []byte) (int, error) {
	if _, err := io.WriteString(r.to, redact(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// warnOfSecrets warns where a DSN on the command line carries a password:
// everybody on the machine sees the command lines of all processes.
func warnOfSecrets(log *slog.Logger, given []*kong.Path) {
	for _, at := range given {
		if at.Flag == nil || at.Resolved || at.Flag.Name != "database" && at.Flag.Name != "source" {
			continue
		}
		if dsn, ok := at.Flag.Target.Interface().(string); ok && redact(dsn) != dsn {
			log.Warn("a DSN on the command line carries a password, which everybody on this machine can see in the list of processes",
				"flag", "--"+at.Flag.Name, "hint", fmt.Sprintf("give it as %s, in the settings file, or without the password, which passfile=FILE in the DSN or PGPASSFILE names", at.Flag.Envs[0]))
		}
	}
}

// passwordFile is the file in which PostgreSQL's libraries look for the
// password of a DSN (libpq's passfile), or "" where none is named.
func passwordFile(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return ""
	}
	if path := u.Query().Get("passfile"); path != "" {
		return path
	}
	return os.Getenv("PGPASSFILE")
}
