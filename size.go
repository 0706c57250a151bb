package cdds

import (
	"math"
	"strconv"
	"strings"
)

// sizeUnits are the units of sizes, each 1024 times the one before.
func sizeUnits() []string { return []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} }

// FormatSize writes a number of bytes for people, such as "1.5 GiB".
func FormatSize(bytes int64) string {
	value, unit := float64(bytes), 0
	units := sizeUnits()
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return strconv.FormatFloat(math.Round(value*10)/10, 'f', -1, 64) + " " + units[unit]
}

// ParseSize reads a size as people write it: "500 MiB", "1.5GiB", "20GB" (in
// units of 1000), or a number of bytes. CodeInvalid names the field.
func ParseSize(field, text string) (int64, error) {
	text = strings.TrimSpace(text)
	number := strings.TrimRight(text, "BKMGTPEibkmgtpe ")
	unit := strings.ToUpper(strings.TrimSpace(strings.TrimPrefix(text, number)))
	factor := 1.0
	known := unit == "" || unit == "B"
	for power, name := range sizeUnits() {
		switch {
		case power == 0:
		case unit == strings.ToUpper(name):
			factor, known = math.Pow(1024, float64(power)), true
		case unit == name[:1]+"B":
			factor, known = math.Pow(1000, float64(power)), true
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	// NaN is refused by the first comparison, since it is true for numbers only.
	if size := value * factor; err == nil && known && size >= 0 && size <= MaxTenantStorage {
		return int64(size), nil
	}
	return 0, Invalid(field, "must be a size such as 500MiB, 20GiB or 1TB, at most 1 EiB.")
}
