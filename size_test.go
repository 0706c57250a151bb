package cdds

import "testing"

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1048576": 1 << 20, "500MiB": 500 << 20, "1.5 gib": 3 << 29, "20GB": 20_000_000_000, "1 kb": 1000, "7 B": 7, "1EiB": 1 << 60,
	} {
		got, err := ParseSize("size", text)
		if err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "much", "-1", "1 GiBB", "5 XiB", "GiB", "NaN", "Inf", "2EiB", "0x10", "1e400"} {
		if got, err := ParseSize("size", text); CodeOf(err) != CodeInvalid {
			t.Errorf("%q is taken for %d (%v)", text, got, err)
		}
	}
}

func TestSizesAreWrittenForPeople(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 3 << 29: "1.5 GiB", 1 << 60: "1 EiB", 10_000: "9.8 KiB"} {
		if got := FormatSize(bytes); got != want {
			t.Errorf("%d is written %q, want %q", bytes, got, want)
		}
	}
}
