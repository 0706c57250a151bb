package sample

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// holdCall holds a telephone call, and sometimes what follows from it.
func holdCall(t *thread) {
	i := t.add("voice", phoneKind, t.desk.app, "Inbound", "InboundNew")
	t.talk(i)
	if i.status == statusStopped && chance(t.r, 5) && t.pause(time.Minute, 20*time.Minute) {
		holdWorkItem(t)
	}
}

// talk fills in a telephone call that begins at the thread's time.
func (t *thread) talk(i *interaction) {
	r := t.r
	number := digits(r, t.contact.book.line(r, "phone"))
	if phones := t.contact.phones; len(phones) > 0 {
		number = phones[0]
	}
	seconds := 40 + r.IntN(200) + r.IntN(500)
	i.phone = &phoneCall{number: number, seconds: seconds, outcome: "completed", connectionID: fmt.Sprintf("%016x", r.Uint64())}
	if chance(r, 40) {
		i.attached.Menu = []string{"main", t.topic}
	}
	switch {
	case chance(r, 7):
		i.phone.outcome, i.phone.seconds = "abandoned", 1+r.IntN(60)
		i.close(t.at.Add(time.Duration(i.phone.seconds)*time.Second), t.g.opts.End, "Abandoned")
		return
	case chance(r, 9):
		i.phone.outcome = "transferred"
	}
	i.comment = t.say("note")
	if chance(r, 35) {
		i.comment += "\n" + t.contact.book.say(r, "remark", t.facts)
	}
	t.answered(i, t.at.Add(time.Duration(seconds)*time.Second), "Normal")
}

// holdCallback takes the wish to be called and makes the call.
func holdCallback(t *thread) {
	r := t.r
	number := digits(r, t.contact.book.line(r, "phone"))
	if phones := t.contact.phones; len(phones) > 0 {
		number = phones[len(phones)-1]
	}
	i := t.add("callback", callKind, t.desk.app, "Inbound", "InboundNew")
	i.subject = t.say("subject")
	i.attached.Page = "/" + t.contact.book.lang + "/" + t.topic
	i.callback = &callback{number: number, kind: pick(r, []string{"Immediate", "Scheduled", "Scheduled"}), status: 3, start: t.at}
	if !t.pause(2*time.Minute, 20*time.Hour) || !t.waitForDesk() {
		return
	}
	i.callback.attempts, i.callback.end = pick(r, []int{1, 1, 1, 2, 3}), t.at
	if chance(r, 12) {
		i.callback.status, i.callback.result = 14, pick(r, []int{6, 7, 9})
		i.close(t.at, t.g.opts.End, "NotReached")
		return
	}
	i.callback.status, i.callback.result = 9, 0
	t.answered(i, t.at, "Normal")
	t.talk(t.add("voice", phoneKind, 701, "Outbound", "OutboundNew"))
}

// holdShortMessages holds a short exchange: sms or a post on a wall.
func holdShortMessages(t *thread) {
	in := t.add(t.desk.media, otherKind, t.desk.app, "Inbound", "InboundNew")
	in.text = t.say("say") + t.smile(25)
	if !t.pause(time.Minute, 4*time.Hour) {
		return
	}
	t.answered(in, t.at, "Normal")
	if chance(t.r, 15) {
		return // read, and no answer needed
	}
	out := t.add(t.desk.media, otherKind, t.desk.app, "Outbound", "OutboundReply")
	out.text = t.say("solve")
	t.answered(out, t.at, "Sent")
}

// holdWorkItem adds work inside the company that no customer sees.
func holdWorkItem(t *thread) {
	i := t.add("workitem", otherKind, 708, "Internal", "InternalWorkItem")
	i.subject, i.text, i.canBeParent = t.say("subject"), t.say("note"), false
	t.answered(i, workingTime(t.r, t.at.Add(time.Duration(5+t.r.IntN(3000))*time.Minute)), "Normal")
}

// smile returns an emoji in percent of 100 cases, among them some that are made
// of several code points.
func (t *thread) smile(percent int) string {
	if !chance(t.r, percent) {
		return ""
	}
	return " " + pick(t.r, []string{"🙂", "😡", "👍🏽", "🙏", "😅", "🤷‍♀️", "🎉", "👨‍👩‍👧", "❤️", "🇪🇺", "📦", "💡"})
}

// holdChat holds a chat, and sometimes sends the transcript by mail.
func holdChat(t *thread) {
	r := t.r
	i := t.add(t.desk.media, chatKind, t.desk.app, "Inbound", "InboundNew")
	i.attached.Device = pick(r, []string{"phone", "phone", "tablet", "desktop"})
	i.chat = &chat{established: t.at, nick: t.contact.first.native}
	abandoned := chance(r, 6)
	transcript, seconds := t.transcript(i.id, abandoned)
	i.structured, i.mimeType = transcript, "text/xml"
	end := t.at.Add(time.Duration(seconds) * time.Second)
	if abandoned {
		i.close(end, t.g.opts.End, "Abandoned")
	} else {
		i.comment = t.say("note")
		t.answered(i, end, "Normal")
	}
	i.chat.released = i.end
	if i.status == statusStopped && !abandoned && chance(r, 12) && t.pause(time.Hour, 2*time.Hour) {
		t.reply(t.say("subject"), t.say("say"))
	}
}

// transcript writes the chat down and returns how many seconds it took.
func (t *thread) transcript(id string, abandoned bool) (text string, seconds int) {
	r, b := t.r, t.contact.book
	var out strings.Builder
	fmt.Fprintf(&out, `<chatTranscript interaction="%s" startedAt="%s" language="%s">`, id, t.at.Format(time.RFC3339), b.lang)
	fmt.Fprintf(&out, "\n"+`<party id="1" role="customer" after="0" name="%s"/>`, html.EscapeString(t.contact.first.native))
	said := func(party int, text string) {
		seconds += 2 + r.IntN(40)
		fmt.Fprintf(&out, "\n"+`<message party="%d" after="%d">%s</message>`, party, seconds, html.EscapeString(text))
	}
	said(1, t.say("say")+t.smile(12))
	if !abandoned {
		seconds += 5 + r.IntN(60)
		fmt.Fprintf(&out, "\n"+`<party id="2" role="agent" after="%d" name="%s"/>`, seconds, html.EscapeString(t.agent.name))
		said(2, b.say(r, "agent.hello", t.facts))
		for range pick(r, []int{0, 1, 1, 1, 2}) {
			said(2, b.say(r, "probe", t.facts))
			said(1, b.say(r, "confirm", t.facts))
		}
		if chance(r, 50) {
			said(1, t.say("tell"))
		}
		said(2, t.say("solve"))
		if chance(r, 40) {
			said(1, t.say("ask")+t.smile(10))
			said(2, t.say("solve"))
		}
		said(1, b.say(r, "thanks", t.facts)+t.smile(30))
	}
	fmt.Fprintf(&out, "\n"+`<left party="1" after="%d"/>`+"\n</chatTranscript>", seconds+1)
	return out.String(), seconds + 1
}
