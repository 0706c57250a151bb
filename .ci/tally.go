// Command tally reads the output of "go test -json" and prints what a person
// wants to see: one line per package, everything that a failed test said, and
// at the end "N passed, N failed". A skipped test counts as failed, and so does
// a package that cannot be built or that dies. All output is searched for the
// secrets that the tests use (leaks.go): one that was said fails, whoever said
// it. It exits with 1 if anything failed or nothing ran.
//
// With -lines it passes plain lines on, from standard input, and searches them
// and the files that are named.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // seconds
}

// name is a test of a package, or with an empty test the package itself.
type name struct{ pkg, test string }

// tally is what has been seen so far.
type tally struct {
	passed, failed int
	failedIn       map[string]int  // failed tests by package
	said           map[name]string // output of what has not ended
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "-lines" {
		if searchLines(os.Stdin, os.Stdout, os.Args[2:]) > 0 {
			os.Exit(1)
		}
		return
	}
	t := tally{failedIn: map[string]int{}, said: map[name]string{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20) // a failed test may say a lot on one line
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e = event{Action: "build-output", Output: lines.Text() + "\n"} // not of a test: show it as it is
		}
		t.add(e)
	}
	if err := lines.Err(); err != nil {
		fmt.Println("tally: the output of go test cannot be read:", err)
		t.failed++
	}
	fmt.Printf("\n%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 || t.passed == 0 {
		os.Exit(1)
	}
}

// add counts one event.
func (t *tally) add(e event) {
	key := name{e.Package, e.Test}
	for _, kind := range leaks(e.Output) {
		t.failed++
		t.failedIn[e.Package]++
		fmt.Printf("SECRET  a %s is in the output of %s in %s\n", kind, e.Test, e.Package)
		e.Output = "(a line with a secret)\n"
	}
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") { // "=== RUN" and the like
			t.said[key] += e.Output
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(e)
		} else {
			t.endTest(e)
		}
		delete(t.said, key)
	}
}

// endTest counts a test and shows what it said if it did not pass.
func (t *tally) endTest(e event) {
	if e.Action == "pass" {
		t.passed++
		return
	}
	t.failed++
	t.failedIn[e.Package]++
	fmt.Printf("\n%s %s in %s\n%s", strings.ToUpper(e.Action), e.Test, e.Package, t.said[name{e.Package, e.Test}])
}

// endPackage prints the line of a package. Where it failed and no test did, it
// could not be built or died, and what its tests said may tell why.
func (t *tally) endPackage(e event) {
	if e.Action == "skip" {
		return // no tests here
	}
	if e.Action == "fail" && t.failedIn[e.Package] == 0 {
		t.failed++
		for key, said := range t.said {
			if key.pkg == e.Package {
				fmt.Print(said)
			}
		}
	}
	fmt.Printf("%-4s  %-28s %6.1fs\n", e.Action, e.Package, e.Elapsed)
}
