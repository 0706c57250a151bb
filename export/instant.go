package export

import (
	"math"
	"time"
)

const (
	secondMicros = 1_000_000
	dayMicros    = 24 * 60 * 60 * secondMicros
)

// day writes instants. It keeps the text of the day that was written last:
// instants that come one after the other mostly share theirs.
type day struct {
	number int64 // since 1970
	text   []byte
}

// append appends an instant, given in microseconds since 1970, as RFC 3339 in
// UTC with as many digits of its fraction as it has. PostgreSQL's infinities
// are infinity and -infinity, and years outside of 0 to 9999 have a sign and
// six digits (ISO 8601, expanded representation; the year 0 is 1 BC).
func (d *day) append(b []byte, micros int64) []byte {
	switch micros {
	case math.MaxInt64:
		return append(b, "infinity"...)
	case math.MinInt64:
		return append(b, "-infinity"...)
	}
	number, rest := micros/dayMicros, micros%dayMicros
	if rest < 0 {
		number, rest = number-1, rest+dayMicros
	}
	if d.text == nil || d.number != number {
		d.set(number)
	}
	b = append(b, d.text...)
	seconds, fraction := rest/secondMicros, rest%secondMicros
	b = appendTwo(b, seconds/3600)
	b = appendTwo(append(b, ':'), seconds/60%60)
	b = appendTwo(append(b, ':'), seconds%60)
	if fraction != 0 {
		b = append(b, '.')
		for scale := int64(secondMicros / 10); fraction > 0; scale /= 10 {
			b = append(b, byte('0'+fraction/scale))
			fraction %= scale
		}
	}
	return append(b, 'Z')
}

// set makes the text of a day, up to the T.
func (d *day) set(number int64) {
	d.number = number
	year, month, date := time.Unix(number*(dayMicros/secondMicros), 0).UTC().Date()
	d.text = d.text[:0]
	if year < 0 || year > 9999 {
		sign := byte('+')
		if year < 0 {
			sign, year = '-', -year
		}
		d.text = append(d.text, sign)
		d.text = appendTwo(d.text, int64(year/10000))
		year %= 10000
	}
	d.text = appendTwo(d.text, int64(year/100))
	d.text = appendTwo(d.text, int64(year%100))
	d.text = appendTwo(append(d.text, '-'), int64(month))
	d.text = appendTwo(append(d.text, '-'), int64(date))
	d.text = append(d.text, 'T')
}

// appendTwo appends a number below 100 with two digits.
func appendTwo(b []byte, n int64) []byte {
	return append(b, byte('0'+n/10), byte('0'+n%10))
}
