package store

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// instant is a time in a column: microseconds since 1970 in UTC, and NULL for
// the zero time. One form for both databases makes equality in a conditional
// update safe.
type instant time.Time

// Value returns the time as the databases keep it.
func (i instant) Value() (driver.Value, error) {
	if time.Time(i).IsZero() {
		return nil, nil
	}
	return time.Time(i).UnixMicro(), nil
}

// Scan reads a column.
func (i *instant) Scan(column any) error {
	switch v := column.(type) {
	case nil:
		*i = instant{}
	case int64:
		*i = instant(time.UnixMicro(v).UTC())
	default:
		return fmt.Errorf("an instant is kept as a number of microseconds, not as %T", column)
	}
	return nil
}

// never is the instant that stands for NULL where rows are sorted: what has
// not happened sorts after all that has.
const never = "9223372036854775807"

// text is a string column that is NULL for the empty string.
type text string

// Value returns the string, or NULL.
func (s text) Value() (driver.Value, error) {
	if s == "" {
		return nil, nil
	}
	return string(s), nil
}

// Scan reads a column.
func (s *text) Scan(column any) error {
	switch v := column.(type) {
	case nil:
		*s = ""
	case string:
		*s = text(v)
	default:
		return fmt.Errorf("a text column holds %T", column)
	}
	return nil
}
