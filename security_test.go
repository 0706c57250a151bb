package cdds_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// asvs lists how many requirements each chapter's sections have, and which of
// them docs/security.md leaves out: those of level 3 alone, and deleted ones.
func asvs() map[string]struct {
	last   int
	absent []int
} {
	type section = struct {
		last   int
		absent []int
	}
	return map[string]section{
		"2.1": {12, nil}, "2.2": {3, nil}, "2.3": {3, nil}, "2.4": {5, nil}, "2.5": {7, nil}, "2.6": {3, nil}, "2.7": {6, nil}, "2.8": {7, nil}, "2.9": {3, nil}, "2.10": {4, nil},
		"3.1": {1, nil}, "3.2": {4, nil}, "3.3": {4, nil}, "3.4": {5, nil}, "3.5": {3, nil}, "3.7": {1, nil},
		"4.1": {5, []int{4}}, "4.2": {2, nil}, "4.3": {3, nil},
		"5.1": {5, nil}, "5.2": {8, nil}, "5.3": {10, nil}, "5.4": {3, nil}, "5.5": {4, nil},
		"6.1": {3, nil}, "6.2": {6, nil}, "6.3": {2, nil}, "6.4": {2, nil},
		"7.1": {4, nil}, "7.2": {2, nil}, "7.3": {4, []int{2}}, "7.4": {3, nil},
		"8.1": {4, nil}, "8.2": {3, nil}, "8.3": {8, nil},
		"9.1": {3, nil}, "9.2": {4, nil},
		"13.1": {5, []int{2}}, "13.2": {6, []int{4}}, "13.3": {2, nil}, "13.4": {2, nil},
		"14.1": {4, nil}, "14.2": {6, nil}, "14.3": {3, []int{1}}, "14.4": {7, nil}, "14.5": {4, nil},
	}
}

// TestSecurityTables reads docs/security.md: each requirement has its line, each
// line its verdict, and all that a line names is there.
func TestSecurityTables(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{}
	counts := map[string]int{}
	row := regexp.MustCompile(`^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \| (.+) \|$`)
	for _, line := range strings.Split(string(text), "\n") {
		for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(line, -1) {
			if wrong := evidence(strings.Trim(span, "`")); wrong != "" {
				t.Errorf("%s: %s", line, wrong)
			}
		}
		cells := row.FindStringSubmatch(line)
		if cells == nil {
			if regexp.MustCompile(`^\| *\d+\.\d+\.\d+`).MatchString(line) {
				t.Errorf("this line of the table cannot be read: %s", line)
			}
			continue
		}
		number, verdict, reason := cells[1], cells[3], cells[4]
		if verdicts[number] != "" {
			t.Errorf("%s stands there twice", number)
		}
		verdicts[number] = verdict
		counts[verdict]++
		switch {
		case !slices.Contains([]string{"yes", "**no**", "n/a"}, verdict):
			t.Errorf("%s: the verdict is %q", number, verdict)
		case verdict == "yes" && !regexp.MustCompile("`[^`]*[/.][^`]*`").MatchString(reason):
			t.Errorf("%s holds, but names neither a test nor a file", number)
		}
	}
	for section, s := range asvs() {
		for i := 1; i <= s.last; i++ {
			number := fmt.Sprintf("%s.%d", section, i)
			if there := verdicts[number] != ""; there == slices.Contains(s.absent, i) {
				t.Errorf("%s: line is there: %t", number, there)
			}
			delete(verdicts, number)
		}
	}
	for number := range verdicts {
		t.Errorf("%s is no requirement of level 1 or 2", number)
	}
	sum := fmt.Sprintf("%d lines hold, %d do not, %d do not apply.", counts["yes"], counts["**no**"], counts["n/a"])
	if !strings.Contains(string(text), sum) {
		t.Errorf("the sum is not told: %s", sum)
	}
}

// evidence says what is wrong with a name in docs/security.md that is that of a
// file, or of a test as file:Name. Other words in the form of code are let pass.
func evidence(name string) string {
	path, test, named := strings.Cut(name, ":")
	if !regexp.MustCompile(`^[\w.][\w./-]*\.(go|ts|tsx|md|json|yml|mod)$|^\.ci/\w+$|^Makefile$`).MatchString(path) {
		if regexp.MustCompile(`^(Test|Fuzz)[A-Z]`).MatchString(name) {
			return name + " stands there without its file"
		}
		return ""
	}
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		return name + ": there is no such file"
	}
	if strings.HasSuffix(path, "_test.go") && named {
		test = "func " + test + "("
	}
	if !strings.Contains(string(text), test) {
		return name + ": the file has no such test"
	}
	return ""
}
