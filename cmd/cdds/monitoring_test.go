package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// exposed is what a page of metrics has: the label names of each series' name.
type exposed map[string][]string

// readExposed reads a page of metrics, and the names of its families.
func readExposed(page string) (series exposed, families []string) {
	series = exposed{}
	line := regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? \S+$`)
	label := regexp.MustCompile(`([a-z_]+)="`)
	for _, text := range strings.Split(page, "\n") {
		if name, ok := strings.CutPrefix(text, "# TYPE "); ok {
			families = append(families, strings.Fields(name)[0])
		}
		if m := line.FindStringSubmatch(text); m != nil {
			series[m[1]] = append(series[m[1]], "job", "instance") // which Prometheus adds
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				series[m[1]] = append(series[m[1]], l[1])
			}
		}
	}
	return series, families
}

// check names what an expression asks for and the page does not have.
func (e exposed) check(expr string) (wrong []string) {
	var labels []string
	for _, m := range regexp.MustCompile(`\b(?:cdds|go|process)_[a-z_]+|\bup\b`).FindAllStringIndex(expr, -1) {
		name := expr[m[0]:m[1]]
		have, there := e[name]
		if !there && name != "up" {
			wrong = append(wrong, "no metric "+name)
		}
		labels = append(labels, have...)
		if selector := regexp.MustCompile(`^\{([^}]*)\}`).FindStringSubmatch(expr[m[1]:]); selector != nil && name != "up" {
			for _, l := range regexp.MustCompile(`([a-z_]+)\s*[=!]`).FindAllStringSubmatch(selector[1], -1) {
				if !slices.Contains(have, l[1]) {
					wrong = append(wrong, "no label "+l[1]+" of "+name)
				}
			}
		}
	}
	if labels == nil && wrong == nil && !strings.Contains(expr, "up") {
		wrong = append(wrong, "no metric at all")
	}
	for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		for _, l := range strings.Split(by[1], ",") {
			if !slices.Contains(labels, strings.TrimSpace(l)) {
				wrong = append(wrong, "no label "+l)
			}
		}
	}
	if strings.Count(expr, "(") != strings.Count(expr, ")") {
		wrong = append(wrong, "parentheses that do not match")
	}
	return wrong
}

// alerts reads the expressions of the alert rules by their names.
func alerts(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../packaging/monitoring/alerts.yml")
	must(t, err)
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr string
				For         string
				Labels      struct{ Severity string }
				Annotations struct{ Summary string }
			}
		}
	}
	must(t, yaml.UnmarshalWithOptions(text, &file, yaml.DisallowUnknownField()))
	found := map[string]string{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if found[rule.Alert] != "" || rule.Labels.Severity == "" || rule.Annotations.Summary == "" {
				t.Errorf("alert %s is there twice, or has no severity or summary", rule.Alert)
			}
			found[rule.Alert] = rule.Expr
		}
	}
	return found
}

// panels reads the expressions of the dashboard by their panels' titles.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../packaging/monitoring/grafana-dashboard.json")
	must(t, err)
	var board struct {
		Panels []struct {
			ID          int
			Title, Type string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr string }
		}
	}
	must(t, json.Unmarshal(text, &board))
	found, ids := map[string][]string{}, map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q has another one's id, is too wide, or shows nothing", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			found[p.Title] = append(found[p.Title], target.Expr)
		}
	}
	return found
}

// TestMonitoringFiles compares the alert rules, the dashboard and the document
// with the metrics that a service really has.
func TestMonitoringFiles(t *testing.T) {
	t.Parallel()
	p, _ := workedService(t, nil)
	_, page := getText(t, p.metricsURL(t)+"/metrics")
	series, families := readExposed(page)
	rules, shown := alerts(t), panels(t)
	if len(rules) < 10 || len(shown) < 10 {
		t.Fatalf("%d alerts and %d panels were read", len(rules), len(shown))
	}
	for name, expr := range rules {
		for _, wrong := range series.check(expr) {
			t.Errorf("alert %s: %s", name, wrong)
		}
	}
	for title, list := range shown {
		for _, expr := range list {
			for _, wrong := range series.check(expr) {
				t.Errorf("panel %q: %s", title, wrong)
			}
		}
	}
	document, err := os.ReadFile("../../docs/monitoring.md")
	must(t, err)
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `((?:cdds_|CDDS)\\w+)` \\|").FindAllStringSubmatch(string(document), -1) {
		rows[m[1]] = true
	}
	want := map[string]bool{}
	for _, family := range families {
		if strings.HasPrefix(family, "cdds_") {
			want[family] = true
		}
	}
	for name := range rules {
		want[name] = true
	}
	for name := range want {
		if !rows[name] {
			t.Errorf("docs/monitoring.md has no row for %s", name)
		}
	}
	for name := range rows {
		if !want[name] {
			t.Errorf("docs/monitoring.md has a row for %s, which there is not", name)
		}
	}
}

// TestMonitoringCheck holds that the check above finds what is wrong.
func TestMonitoringCheck(t *testing.T) {
	t.Parallel()
	series, families := readExposed("# TYPE cdds_runs gauge\ncdds_runs{state=\"queued\"} 1\n# TYPE cdds_lag histogram\ncdds_lag_bucket{le=\"1\"} 0\n")
	if !slices.Equal(families, []string{"cdds_runs", "cdds_lag"}) {
		t.Errorf("the families are %v", families)
	}
	for expr, want := range map[string]string{
		`sum by (state) (cdds_runs{state="queued"})`: "", `rate(cdds_lag_bucket[5m])`: "", `up{job="cdds"} == 0`: "",
		`cdds_run > 0`: "no metric cdds_run", `cdds_lag > 0`: "no metric cdds_lag", `cdds_runs{status="queued"}`: "no label status of cdds_runs",
		`sum by (tenant) (cdds_runs)`: "no label tenant", `sum(cdds_runs`: "parentheses that do not match", `1 > 0`: "no metric at all",
	} {
		if got := strings.Join(series.check(expr), "; "); got != want {
			t.Errorf("%s: %q in place of %q", expr, got, want)
		}
	}
}
