package sample

import (
	"encoding/json"
	"fmt"
	"time"
)

// The entity types of interactions.
const (
	emailIn   = 0
	emailOut  = 1
	chatKind  = 2
	phoneKind = 3
	callKind  = 5
	otherKind = 7
)

// The states of interactions.
const (
	statusNew       = 0
	statusPending   = 1
	statusInProcess = 2
	statusStopped   = 3
)

// interaction is one row of interaction and the row of its kind. Empty texts,
// zero times and nil stand for NULL.
type interaction struct {
	id, contactID, parentID, threadID, externalID string
	kind                                          int
	mediaType, direction, subtype                 string
	status                                        int
	stoppedReason                                 string
	start, modified, end                          time.Time
	timeShift                                     any
	subject, text, structured, mimeType, comment  string
	lang, owner, queue, category, webSafe         string
	app, subtenant                                int
	categoryApproved, spam                        any
	canBeParent                                   bool
	strings                                       [10]string
	numbers                                       [5]any
	attached                                      attached
	tenant                                        int64
	threadHash                                    int32
	email                                         *email
	chat                                          *chat
	phone                                         *phoneCall
	callback                                      *callback
	hasDocuments                                  bool // the attachments are made when the record is written
	attachments                                   []attachment
}

// email is one row of interaction_email.
type email struct {
	from, to, cc, bcc, replyTo, mailbox string
	sent                                time.Time
}

// chat is one row of interaction_chat.
type chat struct {
	established, released time.Time
	nick                  string
}

// phoneCall is one row of interaction_phonecall.
type phoneCall struct {
	number       string
	seconds      int
	outcome      string
	connectionID string
}

// callback is one row of interaction_callback.
type callback struct {
	number, kind     string
	status, attempts int
	start, end       time.Time
	result           any
}

// attached is the user data that routing and agents attach to an interaction.
type attached struct {
	ServiceType     string   `json:"ServiceType"`
	CustomerSegment string   `json:"CustomerSegment,omitempty"`
	Product         string   `json:"Product,omitempty"`
	Skills          []string `json:"Skills,omitempty"`
	Priority        int      `json:"Priority,omitempty"`
	WaitSeconds     int      `json:"WaitSeconds"`
	Disposition     *string  `json:"Disposition"`
	Menu            []string `json:"Menu,omitempty"`
	Device          string   `json:"Device,omitempty"`
	Page            string   `json:"Page,omitempty"`
	Survey          *survey  `json:"Survey,omitempty"`
	Outage          bool     `json:"Outage,omitempty"`
}

// survey is what a customer answered afterwards.
type survey struct {
	Score   int     `json:"Score"`
	Average float64 `json:"Average"`
	Remark  *string `json:"Remark"`
}

// json returns the user data as one JSON object.
func (a attached) json() (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encode the attached data: %w", err)
	}
	return string(text), nil
}

// close ends the interaction at an instant. Where that lies beyond the end of
// the history it is still open: nobody has finished it yet.
func (i *interaction) close(at, historyEnd time.Time, reason string) {
	if !at.Before(historyEnd) {
		i.status, i.comment, i.attached.Disposition = statusInProcess, "", nil
		return
	}
	i.status, i.stoppedReason, i.end, i.modified = statusStopped, reason, at, at
}
