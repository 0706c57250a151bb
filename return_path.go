package cdds

import (
	"net/url"
	pathpkg "path"
	"strings"
)

// maxReturnPath is longer than any address that the console makes.
const maxReturnPath = 2048

// ReturnPath returns path if it is an address of the console to go back to after
// signing in, and "" otherwise: a link must not lead to another site, and not to
// where it would do something by itself. Only plain visible ASCII counts, since
// browsers drop some characters and read a backslash as a slash before they look
// where an address leads (WHATWG URL Standard, section 4.4).
func ReturnPath(path string) string {
	if len(path) > maxReturnPath || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return ""
	}
	for _, c := range []byte(path) {
		if c <= ' ' || c > '~' || c == '\\' {
			return ""
		}
	}
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return ""
	}
	meant := pathpkg.Clean(u.Path)
	for _, own := range []string{"/api", "/sign-in"} {
		if meant == own || strings.HasPrefix(meant, own+"/") {
			return ""
		}
	}
	return path
}
