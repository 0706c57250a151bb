package sample

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// contactBatch is how many contacts one transaction writes.
const contactBatch = 5_000

// contact is a customer, computed from its number alone.
type contact struct {
	id       string
	mergedTo string // the contact that this one was merged into, or ""
	created  time.Time
	modified time.Time // zero: never modified
	book     *book
	person
}

// person is who a contact is.
type person struct {
	title                 string // may be ""
	first, last           name
	city, street, segment string
	account, pin          string // pin may be ""
	emails, phones        []string
}

// contact computes the contact of a number. Contacts with a low number are
// older.
func (g *generator) contact(number int) contact {
	r := g.random(streamContact, number)
	c := contact{id: g.id('C', number), created: g.created(number).Truncate(time.Millisecond)}
	c.book = g.bookFor(r)
	c.person = newPerson(r, c.book)
	if chance(r, 55) {
		c.modified = c.created.Add(time.Duration(r.Int64N(int64(g.opts.End.Sub(c.created))))).Truncate(time.Microsecond)
	}
	// A few were entered twice: the same person under another mail address.
	// Each such number follows one that is not a double itself.
	if number%97 == 50 {
		original := g.contact(number - 1)
		emails := c.emails
		c.book, c.person, c.mergedTo = original.book, original.person, original.id
		c.emails = emails
	}
	return c
}

// created is when the contact of a number was entered: the first half within
// the two years before the history, the others during it.
func (g *generator) created(number int) time.Time {
	begin := g.start.AddDate(-years, 0, 0)
	step := g.opts.End.Sub(begin) / time.Duration(g.opts.Contacts)
	return begin.Add(step*time.Duration(number) + step*time.Duration(number%7)/10)
}

// known returns how many contacts exist at t.
func (g *generator) known(t time.Time) int {
	begin := g.start.AddDate(-years, 0, 0)
	return max(1, int(t.Sub(begin)/(g.opts.End.Sub(begin)/time.Duration(g.opts.Contacts))))
}

// caller draws the contact of a conversation that begins at t. The lower of
// two draws makes old customers call more often than new ones.
func (g *generator) caller(r *rand.Rand, t time.Time) contact {
	n := g.known(t)
	return g.contact(min(r.IntN(n), r.IntN(n)))
}

// newPerson makes up a person who speaks the language of the book.
func newPerson(r *rand.Rand, b *book) person {
	p := person{
		first: pick(r, b.first), last: pick(r, b.last), city: b.line(r, "city"), street: b.line(r, "street"), account: digits(r, "LS-####-#####"),
		segment: pick(r, []string{"Standard", "Standard", "Standard", "Silver", "Silver", "Gold", "Business"}),
	}
	if chance(r, 70) {
		p.title = b.line(r, "title")
	}
	if chance(r, 25) {
		p.pin = digits(r, "####")
	}
	local := strings.ToLower(p.first.latin + "." + p.last.latin)
	domains := []string{"example.com", "example.org", "example.net", "mail.example", "post.example"}
	p.emails = []string{local + strconv.Itoa(1+r.IntN(9999)) + "@" + pick(r, domains)}
	if chance(r, 15) {
		p.emails = append(p.emails, strings.ToLower(p.last.latin)+digits(r, "##")+"@work.example")
	}
	for range pick(r, []int{0, 1, 1, 1, 1, 2, 2, 3}) {
		p.phones = append(p.phones, digits(r, b.line(r, "phone")))
	}
	return p
}

// attribute is one row of contact_attribute.
type attribute struct {
	name, value, description string
	primary                  bool
}

// attributes lists what is known of the contact.
func (c *contact) attributes() []attribute {
	var list []attribute
	add := func(name, value, description string, primary bool) {
		list = append(list, attribute{name, value, description, primary})
	}
	if c.title != "" {
		add("Title", c.title, "", true)
	}
	add("FirstName", c.first.native, "", true)
	add("LastName", c.last.native, "", true)
	if c.first.romanised {
		add("FirstName", c.first.latin, "romanised", false)
		add("LastName", c.last.latin, "romanised", false)
	}
	for i, email := range c.emails {
		add("EmailAddress", email, [...]string{"", "office"}[i], i == 0)
	}
	for i, phone := range c.phones {
		add("PhoneNumber", phone, [...]string{"mobile", "home", "work"}[i], i == 0)
	}
	add("CustomerSegment", c.segment, "", true)
	add("AccountNumber", c.account, "", true)
	if c.pin != "" {
		add("PIN", c.pin, "", true)
	}
	return list
}

// writeContacts writes all contacts.
func writeContacts(ctx context.Context, db *sql.DB, g *generator, s *Summary) error {
	for first := 0; first < g.opts.Contacts; first += contactBatch {
		last := min(first+contactBatch, g.opts.Contacts)
		err := inTx(ctx, db, func(rows *rows) error {
			for number := first; number < last; number++ {
				c := g.contact(number)
				attributes := c.attributes()
				if err := rows.contact(ctx, g.opts.TenantID, &c, attributes); err != nil {
					return fmt.Errorf("contact %s: %w", c.id, err)
				}
				s.Contacts++
				s.Attributes += len(attributes)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
