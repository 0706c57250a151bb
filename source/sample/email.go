package sample

import (
	"html"
	"strings"
	"time"
)

// desk addresses of the provider.
const (
	mailDomain = "@lindenstrom.example"
	mailApp    = 702
)

// holdEmails holds a conversation by mail: a question, perhaps an automatic
// acknowledgement, an answer, and sometimes a few more of both.
func holdEmails(t *thread) {
	subject := t.say("subject")
	text := t.question(true)
	for round := 0; ; round++ {
		in := t.received(subject, text, round)
		if round == 0 && chance(t.r, 20) && !t.acknowledge(subject) {
			return
		}
		if chance(t.r, 6) {
			in.status = statusPending // forgotten
			return
		}
		if !t.pause(20*time.Minute, 40*time.Hour) || !t.waitForDesk() {
			in.status, in.owner = statusInProcess, t.agent.id // somebody is at it
			return
		}
		t.answered(in, t.at, "Normal")
		text = t.reply(subject, text)
		if round == 3 || !chance(t.r, 35) || !t.pause(30*time.Minute, 60*time.Hour) {
			return
		}
		text = t.question(false) + "\r\n\r\n" + quote(text)
		if round == 0 {
			subject = "Re: " + subject
		}
	}
}

// question is what a customer writes.
func (t *thread) question(first bool) string {
	r, b, c := t.r, t.contact.book, &t.contact
	part := "say"
	if !first {
		part = "tell"
	}
	lines := []string{b.line(r, "greeting"), "", b.say2(r, t.topic+"."+part, t.facts) + " " + t.say("ask")}
	if first && chance(r, 35) {
		lines = append(lines, "", t.say("tell"))
	}
	lines = append(lines, "", b.line(r, "bye"), c.first.native+" "+c.last.native)
	if chance(r, 50) {
		lines = append(lines, c.street+", "+c.city)
	}
	if chance(r, 50) {
		lines = append(lines, c.account)
	}
	return strings.Join(lines, "\r\n")
}

// received adds a mail of the customer.
func (t *thread) received(subject, text string, round int) *interaction {
	r, c := t.r, &t.contact
	subtype := "InboundNew"
	if round > 0 {
		subtype = "InboundCustomerReply"
	}
	i := t.add("email", emailIn, mailApp, "Inbound", subtype)
	i.subject, i.text = subject, text
	i.categoryApproved, i.spam, i.webSafe = chance(r, 80), chance(r, 1), pick(r, []string{"Safe", "Safe", "Safe", "NotChecked"})
	i.email = &email{
		from: mailName(c.first.native+" "+c.last.native, c.emails[0]), to: t.topic + mailDomain, mailbox: t.topic + mailDomain,
		sent: t.at.Add(-time.Duration(1+r.IntN(90)) * time.Second).Truncate(time.Second),
	}
	if len(c.emails) > 1 {
		i.email.replyTo, i.email.cc = c.emails[1], c.emails[1]
	}
	if chance(r, 10) {
		i.structured, i.mimeType = page(c.book, text), "text/html; charset=utf-8"
	}
	i.hasDocuments = chance(r, 2)
	return i
}

// acknowledge adds the automatic answer and reports whether the conversation is
// still within the history.
func (t *thread) acknowledge(subject string) bool {
	if !t.pause(2*time.Second, 90*time.Second) {
		return false
	}
	i := t.add("email", emailOut, mailApp, "Outbound", "OutboundAutoResponse")
	i.subject = "Re: " + subject
	i.text = t.contact.book.say(t.r, "agent.greeting", t.facts) + "\n\n" + t.contact.account + " · " + t.facts["order"] + " ✓\n\nLindenstrom"
	i.email = t.mailOut()
	i.close(t.at, t.g.opts.End, "AutoResponse")
	return true
}

// reply adds the agent's mail and returns its text.
func (t *thread) reply(subject, question string) string {
	r, b := t.r, t.contact.book
	i := t.add("email", emailOut, mailApp, "Outbound", "OutboundReply")
	text := b.say(r, "agent.greeting", t.facts) + "\n\n" + b.say2(r, t.topic+".solve", t.facts) + "\n\n" +
		b.say(r, "agent.bye", t.facts) + "\n-- \nLindenstrom · https://lindenstrom.example/" + b.lang + "/" + t.topic
	i.subject, i.text = "Re: "+strings.TrimPrefix(subject, "Re: "), text
	if chance(r, 35) {
		i.text += "\n\n" + quote(question)
	}
	i.email = t.mailOut()
	if chance(r, 5) {
		i.email.bcc = "quality" + mailDomain
	}
	if chance(r, 12) {
		i.structured, i.mimeType = page(b, text), "text/html; charset=utf-8"
	}
	i.hasDocuments = chance(r, 1)
	if chance(r, 30) {
		i.comment = t.say("note")
	}
	t.answered(i, t.at.Add(time.Duration(1+r.IntN(900))*time.Second), "Sent")
	return text
}

// mailOut addresses a mail to the customer.
func (t *thread) mailOut() *email {
	return &email{
		from: mailName("Lindenstrom", t.topic+mailDomain), to: t.contact.emails[0], replyTo: t.topic + mailDomain, mailbox: t.topic + mailDomain, sent: t.at,
	}
}

func mailName(name, address string) string { return `"` + name + `" <` + address + ">" }

// quote repeats the first lines of a mail, as mail programs do.
func quote(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	return "> " + strings.Join(lines[:min(len(lines), 8)], "\n> ")
}

// page is the same text as a small HTML mail.
func page(b *book, text string) string {
	direction := ""
	if b.lang == "ar" || b.lang == "he" {
		direction = ` dir="rtl"`
	}
	paragraphs := strings.Split(strings.ReplaceAll(html.EscapeString(text), "\r\n", "\n"), "\n\n")
	return `<html lang="` + b.lang + `"` + direction + `><body style="font-family:sans-serif"><p>` +
		strings.ReplaceAll(strings.Join(paragraphs, "</p>\n<p>"), "\n", "<br>\n") + "</p></body></html>"
}
