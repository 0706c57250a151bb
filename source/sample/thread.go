package sample

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// desk is where one media type is answered.
type desk struct {
	media  string
	kind   int
	app    int // number of the application that creates these interactions
	share  int // of 100 conversations, how many begin here
	sunday int // of 100 conversations on another day, how many there are on a Sunday
	hours  []int
	hold   func(*thread) // holds the whole conversation
}

// desks lists all media types.
func desks() []desk {
	return []desk{
		{"voice", phoneKind, 701, 48, 15, officeHours(), holdCall},
		{"email", emailIn, 702, 12, 70, alwaysOpen(), holdEmails},
		{"chat", chatKind, 703, 11, 60, officeHours(), holdChat},
		{"whatsapp", chatKind, 704, 6, 90, alwaysOpen(), holdChat},
		{"sms", otherKind, 705, 9, 90, alwaysOpen(), holdShortMessages},
		{"callback", callKind, 706, 6, 40, alwaysOpen(), holdCallback},
		{"facebook", otherKind, 707, 3, 95, alwaysOpen(), holdShortMessages},
		{"workitem", otherKind, 708, 5, 5, officeHours(), holdWorkItem},
	}
}

// thread is one conversation on its way: its customer, its topic, and the
// interactions that it has so far.
type thread struct {
	g       *generator
	r       *rand.Rand
	desk    desk
	contact contact
	known   bool // the contact is known; otherwise there is none
	topic   string
	product string
	facts   facts
	agent   agent
	at      time.Time // when the next interaction begins
	records []*interaction
}

// agent is who answers.
type agent struct{ id, name string }

// newThread draws a conversation that begins on a day.
func (g *generator) newThread(r *rand.Rand, day time.Time) *thread {
	t := &thread{g: g, r: r, desk: g.deskFor(r, day)}
	t.at = timeOfDay(r, day, t.desk.hours)
	switch t.desk.media {
	case "voice": // telephone systems count whole seconds
		t.at = t.at.Truncate(time.Second)
	case "email", "workitem":
		t.at = t.at.Truncate(time.Millisecond)
	}
	t.contact = g.caller(r, t.at)
	t.known = t.desk.media != "workitem" || chance(r, 60)
	t.topic = pick(r, topics())
	if outage(day) && chance(r, 70) {
		t.topic = "fault"
	}
	t.product = pick(r, []string{"Fibre 250", "Fibre 1000", "Mobile Flex", "Green Power 12", "Smart Meter S2", "TV Box 4K", "Gas Basic", "Home Router X3"})
	t.agent = newAgent(r, t.contact.book)
	t.facts = t.newFacts()
	return t
}

// deskFor draws a media type by how busy its desk is on the day.
func (g *generator) deskFor(r *rand.Rand, day time.Time) desk {
	weight := func(d desk) int {
		if day.Weekday() == time.Sunday {
			return d.share * d.sunday
		}
		return d.share * 100
	}
	sum := 0
	for _, d := range g.desks {
		sum += weight(d)
	}
	n := r.IntN(sum)
	for _, d := range g.desks {
		if n -= weight(d); n < 0 {
			return d
		}
	}
	return g.desks[0]
}

// newAgent draws one of the agents who speak a language.
func newAgent(r *rand.Rand, b *book) agent {
	number := r.IntN(4 + b.share/2)
	first, last := b.first[number%len(b.first)], b.last[(number*5+2)%len(b.last)]
	return agent{id: strings.ToLower(first.latin[:1] + "." + last.latin + strconv.Itoa(number)), name: first.native + " " + last.native}
}

// newFacts draws what the conversation is about.
func (t *thread) newFacts() facts {
	r, c := t.r, &t.contact
	inDays := func(days int) string { return t.at.AddDate(0, 0, days).Format(c.book.lines["date"][0]) }
	then := 2 + r.IntN(20)
	f := facts{
		"name": c.first.native, "last": c.last.native, "city": c.city, "street": c.street, "account": c.account, "agent": t.agent.name, "product": t.product,
		"date":    inDays(-1 - r.IntN(25)),
		"then":    inDays(then),
		"later":   inDays(then + 3 + r.IntN(14)),
		"hour":    fmt.Sprintf("%d:%02d", 8+r.IntN(12), 15*r.IntN(4)),
		"days":    strconv.Itoa(3 + r.IntN(18)),
		"invoice": digits(r, "R"+strconv.Itoa(t.at.Year())+"-######"),
		"order":   digits(r, "B#######"),
		"code":    digits(r, pick(r, []string{"E-##", "F###", "0x8#"})),
		"units":   strconv.Itoa(4 + r.IntN(pick(r, []int{20, 90, 90, 400}))),
		"cents":   fmt.Sprintf("%02d", pick(r, []int{0, 10, 49, 50, 90, 95, 99, r.IntN(100)})),
	}
	f["amount"] = string(c.book.phrases["amount"][0].append(nil, r, f))
	return f
}

// say returns a phrase about the topic.
func (t *thread) say(part string) string {
	return t.contact.book.say(t.r, t.topic+"."+part, t.facts)
}

// add begins the next interaction of the conversation.
func (t *thread) add(media string, kind, app int, direction, subtype string) *interaction {
	g, r, c := t.g, t.r, &t.contact
	i := &interaction{
		id: g.id('S', g.count), tenant: g.opts.TenantID, kind: kind, mediaType: media, direction: direction, subtype: subtype,
		status: statusNew, start: t.at, lang: c.book.lang, app: app, canBeParent: true,
		queue: t.topic + "_" + c.book.lang, category: t.topic + "." + pick(r, []string{"question", "complaint", "request"}),
	}
	g.count++
	if t.known {
		i.contactID, i.timeShift = c.id, c.book.timeShift
	}
	if chance(r, 20) {
		i.externalID = fmt.Sprintf("CRM-%d-%07d", t.at.Year(), r.IntN(10_000_000))
	}
	if chance(r, 40) {
		i.subtenant = 1 + r.IntN(3)
	}
	i.threadID = g.id('T', g.count-1)
	if len(t.records) > 0 {
		previous := t.records[len(t.records)-1]
		i.parentID, i.threadID = previous.id, previous.threadID
	}
	i.threadHash = int32(crc32.ChecksumIEEE([]byte(i.threadID)))
	t.attach(i)
	t.records = append(t.records, i)
	return i
}

// attach fills in what routing knows and what the tenant's own columns hold.
func (t *thread) attach(i *interaction) {
	r, c := t.r, &t.contact
	wait := r.IntN(pick(r, []int{20, 90, 300, 900}))
	i.attached = attached{ServiceType: t.topic, WaitSeconds: wait, Outage: t.topic == "fault" && outage(i.start)}
	if t.known {
		i.attached.CustomerSegment = c.segment
	}
	if chance(r, 30) {
		i.attached.Product, i.attached.Priority, i.attached.Skills = t.product, 1+r.IntN(9), []string{t.topic, "lang:" + c.book.lang}
	}
	if chance(r, 25) {
		i.strings[0], i.strings[1], i.strings[2], i.strings[3], i.numbers[0] = t.topic, t.product, c.segment, c.city, wait
		i.strings[4] = pick(r, []string{"spring-offer", "web-banner", "letter", "référence-été"})
		i.numbers[1], i.numbers[2] = r.IntN(4), r.IntN(600)
	}
	if chance(r, 8) {
		score := 1 + r.IntN(5)
		remark := c.book.say(r, "thanks", t.facts)
		i.attached.Survey = &survey{Score: score, Average: float64(score*10+r.IntN(9)) / 10, Remark: &remark}
		i.strings[9], i.numbers[4] = remark, score
		i.strings[5] = []string{"negative", "negative", "neutral", "positive", "positive"}[score-1]
	}
	if chance(r, 3) {
		i.strings[6], i.strings[7], i.strings[8], i.numbers[3] = "callback-requested", digits(r, "device-######"), "tester", -r.IntN(50)
	}
}

// answered says that the agent has dealt with the interaction and closes it.
func (t *thread) answered(i *interaction, at time.Time, reason string) {
	disposition := pick(t.r, []string{"resolved", "resolved", "resolved", "forwarded", "information", "open question"})
	i.attached.Disposition = &disposition
	i.owner = t.agent.id
	i.close(at, t.g.opts.End, reason)
	// Some are put into another category or commented on days later.
	if later := at.Add(time.Duration(1+t.r.IntN(20_000)) * time.Minute); chance(t.r, 8) && later.Before(t.g.opts.End) && i.status == statusStopped {
		i.modified = later
	}
}

// pause moves the conversation on, by at least min and less than max, and
// reports whether that is still within the history.
func (t *thread) pause(min, max time.Duration) bool {
	t.at = t.at.Add(min + time.Duration(t.r.Int64N(int64(max-min)))).Truncate(time.Millisecond)
	return t.at.Before(t.g.opts.End)
}

// waitForDesk moves the conversation on to when somebody is at the desk, and
// reports whether that is still within the history.
func (t *thread) waitForDesk() bool {
	t.at = workingTime(t.r, t.at)
	return t.at.Before(t.g.opts.End)
}
