package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestShortCampaign plays most kinds of faults once. What would take too long
// here, and the many repetitions, are for make torture.
func TestShortCampaign(t *testing.T) {
	var out bytes.Buffer
	result, err := torture(t.Context(), options{
		Kills: 6, Rounds: 1, Seed: 20, Interactions: 8000, Patience: 4, Out: &out,
		Only: []string{
			"SIGKILL, claim", "SIGKILL, reading", "SIGKILL, encrypting", "SIGKILL, storing", "SIGKILL, finishing", "SIGKILL, idle",
			"SIGKILL, one of two nodes", "SIGTERM", "source stopped at once", "metadata stopped at once", "connections reset",
			"full disk", "cancel", "clock back by a day", "clock forward by minutes",
		},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	result.print(&out)
	t.Log(out.String())
	if !result.clean() {
		t.Error("something was lost, doubled or stuck")
	}
	if result.kills < 7 {
		t.Errorf("%d nodes were killed, want 7", result.kills)
	}
	if all := result.sum(); all.times < 17 || result.records < 100_000 {
		t.Errorf("%d faults were done and %d records compared, fewer than planned", all.times, result.records)
	}
}

// TestTheComparisonSees damages what a run has made, in each of the ways that
// the campaign looks for, and wants each to be seen.
func TestTheComparisonSees(t *testing.T) {
	want := multiset{newDigest("interaction", "i1", hash([]byte("a"))): 1, newDigest("interaction", "i2", hash([]byte("b"))): 1}
	for name, test := range map[string]struct {
		lines         string
		lost, doubled int
	}{
		"the same":  {`{"ixnId":"i1","text":"a"}` + "\n" + `{"ixnId":"i2","text":"b"}` + "\n", 0, 0},
		"one less":  {`{"ixnId":"i1","text":"a"}` + "\n", 1, 0},
		"one twice": {`{"ixnId":"i1","text":"a"}` + "\n" + `{"ixnId":"i2","text":"b"}` + "\n" + `{"ixnId":"i2","text":"b"}` + "\n", 0, 1},
		"changed":   {`{"ixnId":"i1","text":"x"}` + "\n" + `{"ixnId":"i2","text":"b"}` + "\n", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := multiset{}
			if err := addRecords("Interaction-x.json", strings.NewReader(test.lines), got); err != nil {
				t.Fatal(err)
			}
			if lost, doubled := want.differ(got); lost != test.lost || doubled != test.doubled {
				t.Errorf("lost %d, doubled %d, want %d and %d", lost, doubled, test.lost, test.doubled)
			}
		})
	}
}
