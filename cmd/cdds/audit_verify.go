package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"cdds"
	"cdds/store"
)

// auditVerifyCommand walks the chains.
type auditVerifyCommand struct {
	dataFlags
	outputFlags
	Expect []string `help:"A head that was noted earlier, as audit head prints it: its line must still be there, as it was." placeholder:"HEAD" sep:"none"`
	Heads  string   `help:"File with heads, one a line: what audit head printed." type:"path" placeholder:"FILE"`
}

// verifiedLog is a log in the JSON output.
type verifiedLog struct {
	Tenant   string     `json:"tenant"`
	TenantID string     `json:"tenantId"`
	Lines    int64      `json:"lines"` // that are whole
	Head     string     `json:"head"`
	Broken   *brokenLog `json:"broken"`
}

// brokenLog is the first line that is wrong.
type brokenLog struct {
	Line    int64  `json:"line"`
	Row     int64  `json:"row"`
	Problem string `json:"problem"`
}

// Run walks all logs, says what it found, and fails when one is not whole.
func (c *auditVerifyCommand) Run(ctx context.Context, std streams) (err error) {
	noted, err := c.noted()
	if err != nil {
		return err
	}
	st, err := openReady(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = closing(st, err) }()
	logs, err := allLogs(ctx, st)
	if err != nil {
		return err
	}
	for tenantID := range noted {
		if !knownLog(logs, tenantID) {
			logs = append(logs, logOf{tenantID, "unknown tenant " + tenantID})
		}
	}
	found := make([]verifiedLog, 0, len(logs))
	whole := true
	for _, l := range logs {
		check, err := st.CheckChain(ctx, l.id, noted[l.id])
		if err != nil {
			return err
		}
		v := verifiedLog{Tenant: l.name, TenantID: l.id, Lines: check.Head.Number, Head: headText(check.Head)}
		if b := check.Broken; b != nil {
			v.Broken, whole = &brokenLog{Line: b.Number, Row: b.ID, Problem: b.What}, false
		}
		found = append(found, v)
	}
	if err := c.print(std.Out, found, whole); err != nil || whole {
		return err
	}
	return errBroken()
}

func (c *auditVerifyCommand) print(w io.Writer, found []verifiedLog, whole bool) error {
	if c.Output == "json" {
		return json.NewEncoder(w).Encode(map[string]any{"whole": whole, "logs": found})
	}
	for _, v := range found {
		text := fmt.Sprintf("%s: %d lines, whole", v.Tenant, v.Lines)
		if v.Broken != nil {
			text = fmt.Sprintf("%s: BROKEN at line %d (row %d): %s", v.Tenant, v.Broken.Line, v.Broken.Row, v.Broken.Problem)
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

func knownLog(logs []logOf, id string) bool {
	for _, l := range logs {
		if l.id == id {
			return true
		}
	}
	return false
}

// noted reads the heads of the flags: hashes by number by tenant.
func (c *auditVerifyCommand) noted() (map[string]map[int64]string, error) {
	texts := c.Expect
	if c.Heads != "" {
		body, err := os.ReadFile(c.Heads)
		if err != nil {
			return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The file of heads cannot be read.", Err: err}
		}
		texts = append(texts, strings.Fields(string(body))...)
	}
	noted := map[string]map[int64]string{}
	for _, text := range texts {
		head, err := parseHead(text)
		if err != nil {
			return nil, err
		}
		if noted[head.TenantID] == nil {
			noted[head.TenantID] = map[int64]string{}
		}
		if before, twice := noted[head.TenantID][head.Number]; twice && before != head.Hash {
			return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "Two of the heads say different things of one line: " + text + "."}
		}
		noted[head.TenantID][head.Number] = head.Hash
	}
	return noted, nil
}

// headText is a head on one line: the tenant's id, or - for none, the number of
// the last line, and its hash. A log without lines has none.
func headText(head store.AuditHead) string {
	if head.Number == 0 {
		return ""
	}
	tenant := head.TenantID
	if tenant == store.NoTenant {
		tenant = "-"
	}
	return fmt.Sprintf("%s:%d:%s", tenant, head.Number, head.Hash)
}

// parseHead reads what headText wrote.
func parseHead(text string) (store.AuditHead, error) {
	const hashLength = 64
	parts := strings.Split(text, ":")
	bad := &cdds.Error{Code: cdds.CodeInvalid, Message: "This is no head of an audit log: " + text + ".", Hint: "Give a line that cdds audit head printed."}
	if len(parts) != 3 || parts[0] == "" || len(parts[2]) != hashLength {
		return store.AuditHead{}, bad
	}
	number, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || number < 1 {
		return store.AuditHead{}, bad
	}
	head := store.AuditHead{TenantID: parts[0], Number: number, Hash: parts[2]}
	if head.TenantID == "-" {
		head.TenantID = store.NoTenant
	}
	return head, nil
}
