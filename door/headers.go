package door

import "net/http"

// denied are the abilities of a browser that no page of ours asks for.
const denied = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), " +
	"microphone=(), midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=()"

// hsts is the time of RFC 6797 in which a browser comes by TLS alone: a year.
const hsts = "max-age=31536000"

// Headers gives each answer, errors too, the strictest form of the headers that
// browsers go by: not sniffed, not framed, no referrer, nothing loaded, not
// kept, and out of reach of other origins. A handler loosens what its answer
// needs. secure says that browsers come by TLS, and shall not come without.
func Headers(next http.Handler, secure bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", denied)
		if secure {
			h.Set("Strict-Transport-Security", hsts)
		}
		next.ServeHTTP(w, r)
	})
}
