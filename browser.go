package cdds

import (
	"regexp"
	"strings"
)

// BrowserName makes a short name of a User-Agent header, such as "Firefox 131
// on Linux", by which people know their own browsers. The header itself says
// more than they need and is not kept. "" stands for a program that does not
// say what it is.
func BrowserName(userAgent string) string {
	name, system := browserProduct(userAgent), browserSystem(userAgent)
	if name != "" && system != "" {
		return name + " on " + system
	}
	return name + system
}

// product is a word of a User-Agent header by which a browser is known.
type product struct{ token, name string }

// browserProducts are in the order in which they are looked for: most browsers
// name the ones before them too, to be taken for them.
func browserProducts() []product {
	return []product{
		{"Edg", "Edge"}, {"EdgA", "Edge"}, {"EdgiOS", "Edge"}, {"OPR", "Opera"}, {"SamsungBrowser", "Samsung Internet"},
		{"FxiOS", "Firefox"}, {"Firefox", "Firefox"}, {"CriOS", "Chrome"}, {"HeadlessChrome", "Chrome"}, {"Chrome", "Chrome"},
	}
}

// browserProduct returns the browser with its main version.
func browserProduct(userAgent string) string {
	for _, p := range browserProducts() {
		if version, ok := versionOf(userAgent, p.token); ok {
			return p.name + " " + version
		}
	}
	if version, ok := versionOf(userAgent, "Version"); ok && strings.Contains(userAgent, "Safari/") {
		return "Safari " + version
	}
	first := regexp.MustCompile(`^([A-Za-z][A-Za-z0-9._-]{0,29})/(\d{1,5})`).FindStringSubmatch(userAgent)
	if first == nil || first[1] == "Mozilla" {
		return ""
	}
	return first[1] + " " + first[2]
}

// versionOf returns the main version that stands behind a token.
func versionOf(userAgent, token string) (string, bool) {
	_, rest, found := strings.Cut(" "+userAgent, " "+token+"/")
	if !found {
		return "", false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	return rest[:min(end, 5)], end > 0
}

// browserSystem returns the operating system.
func browserSystem(userAgent string) string {
	for _, s := range []product{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	} {
		if strings.Contains(userAgent, s.token) {
			return s.name
		}
	}
	return ""
}
