package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cdds/store"
)

// The formats of an exported audit log.
const (
	FormatJSONLines = "jsonl"
	FormatCSV       = "csv"
)

// exportPiece is how many lines are held in memory at a time.
const exportPiece = 500

// auditReader is the part of store.Reader that an export needs.
type auditReader interface {
	AuditAfter(ctx context.Context, q store.AuditQuery, after, last int64, limit int) ([]store.AuditEntry, error)
}

// ExportAudit writes the lines of a query, oldest first, up to the number last
// of their chain, in memory that does not grow with the log.
func ExportAudit(ctx context.Context, w io.Writer, format string, from auditReader, q store.AuditQuery, last int64) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	write, err := auditWriter(buffered, format)
	if err != nil {
		return err
	}
	for after := int64(0); ; {
		lines, err := from.AuditAfter(ctx, q, after, last, exportPiece)
		if err != nil {
			return err
		}
		for _, e := range lines {
			if err := write(WireAudit(e)); err != nil {
				return fmt.Errorf("write the audit log: %w", err)
			}
			after = e.Number
		}
		if len(lines) < exportPiece {
			break
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// auditWriter returns what writes a line in a format.
func auditWriter(w io.Writer, format string) (func(AuditLine) error, error) {
	if format != FormatCSV {
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false)
		return func(l AuditLine) error { return lines.Encode(l) }, nil
	}
	rows := csv.NewWriter(w)
	rows.UseCRLF = true // RFC 4180
	write := func(cells []string) error {
		if err := rows.Write(cells); err != nil {
			return err
		}
		rows.Flush()
		return rows.Error()
	}
	err := write([]string{"number", "at", "username", "userId", "tokenId", "action", "object", "detail", "result", "times", "address", "hash"})
	if err != nil {
		return nil, fmt.Errorf("write the audit log: %w", err)
	}
	return func(l AuditLine) error {
		return write([]string{
			strconv.FormatInt(l.Number, 10), l.At.Format(time.RFC3339Nano), cell(l.Username), cell(l.UserID), cell(l.TokenID), cell(l.Action), cell(l.Object),
			cell(l.Detail), l.Result, strconv.FormatInt(l.Times, 10), cell(l.Address), l.Hash,
		})
	}, nil
}

// cell keeps a text from being taken for a formula by a program for tables: an
// apostrophe before it makes it text. The names of users, tokens and files come
// from people.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
