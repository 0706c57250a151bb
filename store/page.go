package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"cdds"
)

// Page is one page of a list.
type Page[T any] struct {
	Items      []T
	Total      int64  // how many match over all pages
	AtLeast    bool   // Total is a lower bound: the list is too long to be counted for each page
	NextCursor string // "" at the end
}

// Limits of a page.
const (
	defaultLimit = 50
	maxLimit     = 500
	// maxCounted bounds the count that comes with each page.
	maxCounted = 10_000
)

// Paging says which page of a list is wanted.
type Paging struct {
	Sort   string // a key of the list, with "-" before it for descending; "" is the list's default
	Limit  int    // rows of a page, 1 to 500; 0 means 50
	Cursor string // NextCursor of the page before; "" is the first page
}

func (p Paging) limit() (int, error) {
	switch {
	case p.Limit == 0:
		return defaultLimit, nil
	case p.Limit < 0 || p.Limit > maxLimit:
		return 0, cdds.Invalid("limit", fmt.Sprintf("must be between 1 and %d.", maxLimit))
	}
	return p.Limit, nil
}

// sortKey is a column or expression by which a list can be sorted. It is never
// NULL.
type sortKey struct {
	name   string // as in Paging.Sort
	expr   string
	number bool // bigint; else text
}

// listing is a list: which rows, how they are sorted, how one is read.
type listing[T any] struct {
	what    string // the list's name in error messages
	columns string
	from    string // FROM clause without the word
	counted string // the part of from that the filter needs, which the count reads
	filter  *filter
	keys    []sortKey
	sort    string  // the default of Paging.Sort
	id      sortKey // breaks ties between equal sort values
	scan    func(scanner) (T, error)
}

// page reads one page. It goes on after the cursor's row by comparing sort
// values and never by counting rows, so that a page deep in a long list costs
// what the first one does, and rows that come and go shift nothing.
func page[T any](ctx context.Context, from querier, l listing[T], p Paging) (Page[T], error) {
	key, descending, err := l.key(p.Sort)
	if err != nil {
		return Page[T]{}, err
	}
	limit, err := p.limit()
	if err != nil {
		return Page[T]{}, err
	}
	total, err := one(ctx, from, "number of "+l.what, value[int64], fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s%s LIMIT %d) c", l.counted, l.filter.where(), maxCounted+1), l.filter.args...)
	if err != nil {
		return Page[T]{}, err
	}
	order, compare := "ASC", ">"
	if descending {
		order, compare = "DESC", "<"
	}
	if p.Cursor != "" {
		at, err := readCursor(p.Cursor, l.sortName(p.Sort), key, l.id)
		if err != nil {
			return Page[T]{}, err
		}
		l.filter.and(fmt.Sprintf("(%s, %s) %s (%s, %s)", key.expr, l.id.expr, compare, l.filter.arg(at.key), l.filter.arg(at.id)))
	}
	query := fmt.Sprintf("SELECT %s, %s, %s FROM %s%s ORDER BY %s %s, %s %s LIMIT %d",
		l.columns, key.expr, l.id.expr, l.from, l.filter.where(), key.expr, order, l.id.expr, order, limit+1)
	rows, err := all(ctx, from, "list the "+l.what, scanPaged(l.scan), query, l.filter.args...)
	if err != nil {
		return Page[T]{}, err
	}
	result := Page[T]{Items: make([]T, 0, min(len(rows), limit)), Total: min(total, maxCounted), AtLeast: total > maxCounted}
	for _, row := range rows[:min(len(rows), limit)] {
		result.Items = append(result.Items, row.item)
	}
	if len(rows) > limit {
		last := rows[limit-1]
		result.NextCursor, err = writeCursor(l.sortName(p.Sort), last.key, last.id)
	}
	return result, err
}

func (l listing[T]) sortName(name string) string {
	if name == "" {
		return l.sort
	}
	return name
}

// key returns the sort key of a name, or CodeInvalid with the names there are.
func (l listing[T]) key(name string) (key sortKey, descending bool, err error) {
	name, descending = strings.CutPrefix(l.sortName(name), "-")
	names := make([]string, len(l.keys))
	for i, k := range l.keys {
		if k.name == name {
			return k, descending, nil
		}
		names[i] = k.name
	}
	return sortKey{}, false, cdds.Invalid("sort", "must be one of "+strings.Join(names, ", ")+", with - before it for descending.")
}

// paged is a row of a page with its place in the order.
type paged[T any] struct {
	item    T
	key, id string
}

// scanPaged scans a row and then the two columns that a page adds to it.
func scanPaged[T any](scan func(scanner) (T, error)) func(scanner) (paged[T], error) {
	return func(row scanner) (paged[T], error) {
		var p paged[T]
		var err error
		p.item, err = scan(longerRow{row, []any{&p.key, &p.id}})
		return p, err
	}
}

// longerRow scans a row that has more columns at its end than the caller asks for.
type longerRow struct {
	row  scanner
	more []any
}

// Scan reads the row.
func (r longerRow) Scan(dest ...any) error { return r.row.Scan(append(dest, r.more...)...) }

// cursorForm is a cursor before it is made opaque. It names its sort, so that
// it cannot be used with another.
type cursorForm struct {
	Sort string `json:"s"`
	Key  string `json:"k"`
	ID   string `json:"i"`
}

// place is where a page begins: after the row of this sort value and id.
type place struct{ key, id any }

func writeCursor(sort, key, id string) (string, error) {
	body, err := json.Marshal(cursorForm{Sort: sort, Key: key, ID: id})
	if err != nil {
		return "", failure("write a cursor", err)
	}
	return base64.RawURLEncoding.EncodeToString(body), nil
}

func readCursor(cursor, sort string, key, id sortKey) (place, error) {
	bad := cdds.Invalid("cursor", "is not a cursor of this list and sort; begin again without one.")
	body, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return place{}, bad
	}
	var f cursorForm
	if err := json.Unmarshal(body, &f); err != nil || f.Sort != sort {
		return place{}, bad
	}
	var at place
	if at.key, err = key.parse(f.Key); err != nil {
		return place{}, bad
	}
	if at.id, err = id.parse(f.ID); err != nil {
		return place{}, bad
	}
	return at, nil
}

// parse returns a sort value as the database compares it.
func (k sortKey) parse(value string) (any, error) {
	if !k.number {
		return value, nil
	}
	return strconv.ParseInt(value, 10, 64)
}

// filter collects the conditions of a query and their arguments.
type filter struct {
	conditions []string
	args       []any
}

// arg adds an argument and returns its placeholder.
func (f *filter) arg(v any) string {
	f.args = append(f.args, v)
	return "$" + strconv.Itoa(len(f.args))
}

// and adds a condition.
func (f *filter) and(condition string) { f.conditions = append(f.conditions, condition) }

// equal asks for a value in a column, unless it is "".
func (f *filter) equal(column, value string) {
	if value != "" {
		f.and(column + " = " + f.arg(value))
	}
}

// in asks for one of the values in a column, unless there are none.
func (f *filter) in(column string, values []string) {
	if len(values) > 0 {
		f.and(column + " IN (" + f.list(values) + ")")
	}
}

// list adds arguments and returns their placeholders.
func (f *filter) list(values []string) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = f.arg(v)
	}
	return strings.Join(marks, ", ")
}

// search asks for a text that one of the columns, which hold lower case,
// contains, or with which the id begins.
func (f *filter) search(words, id string, columns ...string) {
	if words == "" {
		return
	}
	escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(lower(words))
	inside, begins := f.arg("%"+escaped+"%"), f.arg(escaped+"%")
	parts := []string{id + ` LIKE ` + begins + ` ESCAPE '\'`}
	for _, c := range columns {
		parts = append(parts, c+` LIKE `+inside+` ESCAPE '\'`)
	}
	f.and("(" + strings.Join(parts, " OR ") + ")")
}

// where returns the WHERE clause.
func (f *filter) where() string { return " WHERE " + strings.Join(f.conditions, " AND ") }

// lower is how texts are compared and sorted without regard to case, on both
// databases alike.
func lower(s string) string { return strings.ToLower(s) }
