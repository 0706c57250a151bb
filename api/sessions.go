package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"cdds"
	"cdds/store"
)

// Session is a place where the user is signed in, or that is remembered.
type Session struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current" doc:"Whether this request came from there."`
	SignedIn   bool      `json:"signedIn" doc:"False for a remembered browser that has no session just now, and gets one when it comes back."`
	Remembered bool      `json:"remembered" doc:"Whether it gets its next session without a password."`
	CreatedAt  time.Time `json:"createdAt" doc:"When the user signed in there."`
	LastSeenAt time.Time `json:"lastSeenAt" doc:"Kept to the minute."`
	ExpiresAt  time.Time `json:"expiresAt" doc:"When it ends, without further use; for a remembered browser, when it is forgotten."`
	Address    string    `json:"address" doc:"Network address at the sign-in, or when the remembered browser last got a session."`
	Browser    string    `json:"browser" doc:"Browser and system in short; empty where they are not known."`
}

type listSessionsOutput struct {
	Body struct {
		Items []Session `json:"items"`
	}
}

// SessionPath names a session.
type SessionPath struct {
	ID string `path:"id" maxLength:"64"`
}

type endOthersOutput struct {
	Body struct {
		Ended int64 `json:"ended" doc:"At how many places the user was signed out."`
	}
}

func (s *server) registerSessions() {
	register(s, operation("list-sessions", http.MethodGet, "/sessions", "Where I am signed in", cdds.ActionOwnSessions), s.listSessions)
	end := operation("end-session", http.MethodDelete, "/sessions/{id}", "Sign me out at one place", cdds.ActionOwnSessions)
	end.DefaultStatus = http.StatusNoContent
	register(s, end, s.endSession)
	register(s, operation("end-other-sessions", http.MethodDelete, "/sessions", "Sign me out everywhere else", cdds.ActionOwnSessions), s.endOtherSessions)
}

func (s *server) listSessions(ctx context.Context, _ *struct{}) (*listSessionsOutput, error) {
	by, now := caller(ctx), s.now()
	sessions, err := s.Store.SessionsOf(ctx, by.User.ID, now)
	if err != nil {
		return nil, err
	}
	browsers, err := s.Store.RememberedBrowsersOf(ctx, by.User.ID, now)
	if err != nil {
		return nil, err
	}
	out := &listSessionsOutput{}
	out.Body.Items = places(sessions, browsers, by.SessionID)
	return out, nil
}

// places makes one entry of each remembered browser with its session, and one
// of each session besides, the last seen first.
func places(sessions []store.Session, browsers []store.RememberedBrowser, current string) []Session {
	items := make([]Session, 0, len(sessions)+len(browsers))
	for _, b := range browsers {
		item := Session{ID: b.ID, Remembered: true, CreatedAt: b.CreatedAt, LastSeenAt: b.UsedAt, ExpiresAt: b.ExpiresAt, Address: b.Address, Browser: b.Browser}
		i := slices.IndexFunc(sessions, func(s store.Session) bool { return s.RememberedID == b.ID })
		if i >= 0 {
			item.SignedIn, item.Current, item.LastSeenAt = true, sessions[i].ID == current, sessions[i].SeenAt
		}
		items = append(items, item)
	}
	for _, s := range sessions {
		if slices.ContainsFunc(browsers, func(b store.RememberedBrowser) bool { return b.ID == s.RememberedID }) {
			continue
		}
		items = append(items, Session{ID: s.ID, Current: s.ID == current, SignedIn: true, CreatedAt: s.CreatedAt, LastSeenAt: s.SeenAt, ExpiresAt: s.ExpiresAt, Address: s.Address, Browser: s.Browser})
	}
	slices.SortStableFunc(items, func(a, b Session) int { return b.LastSeenAt.Compare(a.LastSeenAt) })
	return items
}

func (s *server) endSession(ctx context.Context, in *SessionPath) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.EndSession(ctx, caller(ctx), in.ID, s.now())
}

func (s *server) endOtherSessions(ctx context.Context, _ *struct{}) (*endOthersOutput, error) {
	out := &endOthersOutput{}
	var err error
	out.Body.Ended, err = s.Control.EndOtherSessions(ctx, caller(ctx), s.now())
	return out, err
}
