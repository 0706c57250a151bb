package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/pressly/goose/v3"
)

// AuditHead is the end of a chain: what must be kept elsewhere to notice that
// lines were removed from the end, or that a chain was written anew. Number 0
// and Hash "" are those of a chain without lines.
type AuditHead struct {
	TenantID string
	Number   int64
	Hash     string
}

// chainForm begins what is hashed, so that a later form can be told apart.
const chainForm = "cdds audit 1"

// link returns the hash of the line behind a line of the given hash. All fields
// are written as netstrings (length in bytes, colon, text, comma), so that no
// two lines give the same text; docs/audit.md has their order.
func (e AuditEntry) link(before string) string {
	hash := sha256.New()
	for _, field := range []string{
		chainForm, before, e.TenantID, strconv.FormatInt(e.Number, 10), e.UserID, e.Username, e.Token, e.Action, e.Object, e.Detail,
		string(e.Result), strconv.FormatInt(e.Times, 10), e.Address, strconv.FormatInt(e.At.UnixMicro(), 10),
	} {
		hash.Write([]byte(strconv.Itoa(len(field)) + ":" + field + ",")) // which never fails: hash.Hash says so
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// takeHead returns the end of a chain, which stays the end until this
// transaction adds to it or is over.
func (t *Tx) takeHead(ctx context.Context, tenantID string) (AuditHead, error) {
	if head, mine := t.ends[tenantID]; mine {
		return head, nil
	}
	from, err := t.lockChain(ctx, tenantID)
	if err != nil {
		return AuditHead{}, err
	}
	return Reader{from}.AuditHead(ctx, tenantID)
}

// setHead keeps the end of a chain that this transaction has added to.
func (t *Tx) setHead(head AuditHead) {
	if t.ends == nil {
		t.ends = map[string]AuditHead{}
	}
	t.ends[head.TenantID] = head
}

// AuditHead returns the end of a tenant's chain.
func (r Reader) AuditHead(ctx context.Context, tenantID string) (AuditHead, error) {
	heads, err := all(ctx, r.from, "read the end of the audit log", func(row scanner) (AuditHead, error) {
		head := AuditHead{TenantID: tenantID}
		err := row.Scan(&head.Number, &head.Hash)
		return head, err
	}, `SELECT a.number, a.hash FROM audit a WHERE a.tenant_id = $1 ORDER BY a.number DESC LIMIT 1`, tenantID)
	if err != nil || len(heads) == 0 {
		return AuditHead{TenantID: tenantID}, err
	}
	return heads[0], nil
}

// AuditChains returns the tenants that have lines, NoTenant first if it has.
func (r Reader) AuditChains(ctx context.Context) ([]string, error) {
	return all(ctx, r.from, "list the chains of the audit log", value[string], `SELECT DISTINCT a.tenant_id FROM audit a ORDER BY a.tenant_id`)
}

// ChainCheck is what a walk along a chain has found.
type ChainCheck struct {
	Head   AuditHead   // the last line that is whole
	Broken *ChainBreak // nil for a chain that is whole
}

// ChainBreak is the first line of a chain that is not as it was written.
type ChainBreak struct {
	Number int64  // where in the chain
	ID     int64  // of the row; 0 where the line is missing
	What   string // a sentence for people
}

// checkPiece is how many lines are looked at in one read.
const checkPiece = 1000

// CheckChain walks a tenant's chain from its first line, in bounded memory, and
// says where it is broken. known are heads of the chain that were noted earlier,
// by their numbers: the lines must still be there and have those hashes.
func (r Reader) CheckChain(ctx context.Context, tenantID string, known map[int64]string) (ChainCheck, error) {
	check := ChainCheck{Head: AuditHead{TenantID: tenantID}}
	id := int64(0)
	for {
		lines, err := r.chainPiece(ctx, tenantID, check.Head.Number, id)
		if err != nil {
			return check, err
		}
		for _, line := range lines {
			if what := line.fault(check.Head, known); what != "" {
				check.Broken = &ChainBreak{Number: line.Number, ID: line.ID, What: what}
				if line.Number > check.Head.Number+1 {
					check.Broken.Number, check.Broken.ID = check.Head.Number+1, 0
				}
				return check, nil
			}
			check.Head = AuditHead{TenantID: tenantID, Number: line.Number, Hash: line.Hash}
			id = line.ID
		}
		if len(lines) < checkPiece {
			check.Broken = shortened(check.Head, known)
			return check, nil
		}
	}
}

// chained is a line with its text of the search, which no hash covers.
type chained struct {
	AuditEntry
	searched string
}

// chainPiece reads the lines behind one of a number and an id. Where the unique
// index was dropped several may have one number.
func (r Reader) chainPiece(ctx context.Context, tenantID string, number, id int64) ([]chained, error) {
	return all(ctx, r.from, "read the audit log", func(row scanner) (chained, error) {
		var line chained
		var err error
		line.AuditEntry, err = scanAudit(longerRow{row, []any{&line.searched}})
		return line, err
	}, `SELECT `+auditColumns+`, a.words FROM audit a
		WHERE a.tenant_id = $1 AND (a.number > $2 OR (a.number = $2 AND a.id > $3)) ORDER BY a.number, a.id LIMIT $4`, tenantID, number, id, checkPiece)
}

// fault returns what is wrong with a line that follows head, or "".
func (c chained) fault(head AuditHead, known map[int64]string) string {
	noted, isKnown := known[c.Number]
	switch {
	case c.Number > head.Number+1:
		return fmt.Sprintf("Lines are missing: %d is followed by %d.", head.Number, c.Number)
	case c.Number <= head.Number:
		return fmt.Sprintf("Two lines have the number %d.", c.Number)
	case c.Hash != c.link(head.Hash):
		return "The hash does not fit the line and the one before it: one of them was changed, or the line was put here later."
	case isKnown && c.Hash != noted:
		return "The hash is not the one that was noted: the log was written anew up to here or beyond."
	case c.searched != c.words():
		return "The text that a search looks into is not that of the line."
	}
	return ""
}

// shortened returns the break of a chain that ends before a line that was there
// once, or nil.
func shortened(head AuditHead, known map[int64]string) *ChainBreak {
	for number := range known {
		if number > head.Number {
			return &ChainBreak{Number: head.Number + 1, What: fmt.Sprintf("The log ends at %d; it had %d lines when its head was noted.", head.Number, number)}
		}
	}
	return nil
}

// chainVersion is the migration that makes the audit log a chain.
const chainVersion = 14

// chainFile is its SQL. It is carried out by chainMigration, since hashes are
// not made by SQL.
const chainFile = "0014_audit_chain.sql"

// chainMigration makes the new table and copies the old lines into it, each
// with its number and hash, in one transaction: a crash leaves all as it was.
func chainMigration(statements string) *goose.Migration {
	return goose.NewGoMigration(chainVersion, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		if _, err := exec(ctx, tx, "make the audit log a chain", statements); err != nil {
			return err
		}
		if err := copyOldLines(ctx, tx); err != nil {
			return err
		}
		_, err := exec(ctx, tx, "remove the old audit log", `DROP TABLE audit_old`)
		return err
	}}, nil)
}

// copyOldLines chains the lines from before, in the order in which they were
// written. All of them tell of what was done: refusals were not written then.
func copyOldLines(ctx context.Context, tx *sql.Tx) (err error) {
	add, err := tx.PrepareContext(ctx, insertAudit)
	if err != nil {
		return failure("prepare to copy the audit log", err)
	}
	defer func() { err = errors.Join(err, failure("copy the audit log", add.Close())) }()
	heads := map[string]AuditHead{}
	for after := int64(0); ; {
		lines, err := all(ctx, tx, "read the old audit log", func(row scanner) (AuditEntry, error) {
			e := AuditEntry{Result: AuditDone, Times: 1}
			err := row.Scan(&e.ID, &e.TenantID, &e.UserID, &e.Username, &e.Action, &e.Object, &e.Detail, &e.Address, (*instant)(&e.At))
			return e, err
		}, `SELECT id, tenant_id, user_id, username, action, object, detail, address, at FROM audit_old WHERE id > $1 ORDER BY id LIMIT $2`, after, checkPiece)
		if err != nil || len(lines) == 0 {
			return err
		}
		for _, e := range lines {
			e.Number = heads[e.TenantID].Number + 1
			e.Hash = e.link(heads[e.TenantID].Hash)
			if _, err := add.ExecContext(ctx, e.row()...); err != nil {
				return failure("copy the audit log", err)
			}
			heads[e.TenantID] = AuditHead{Number: e.Number, Hash: e.Hash}
			after = e.ID
		}
	}
}
