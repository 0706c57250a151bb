package store_test

import (
	"slices"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// beat is the row of a node as it says of itself.
func beat(name string, change func(*store.Beat)) store.Beat {
	b := store.Beat{Node: cdds.Node{Name: name, Roles: cdds.NodeRoles(), Version: "1.0", Address: "127.0.0.1:8080", Workers: 2, State: cdds.NodeUp}}
	if change != nil {
		change(&b)
	}
	return b
}

// names returns the names of the nodes that a question gives, in order.
func (w *world) names(t *testing.T, q store.NodeQuery) []string {
	t.Helper()
	names := []string{}
	for _, n := range got(w.st.Nodes(t.Context(), q))(t).Items {
		names = append(names, n.Name)
	}
	return names
}

func TestNodesSayWhatTheyAreAndDo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		before := got(w.st.Clock(t.Context()))(t)
		noError(t, w.st.PutNode(t.Context(), beat("one", func(b *store.Beat) { b.Since = time.Hour; b.Address = "" })))
		noError(t, w.st.PutNode(t.Context(), beat("one", func(b *store.Beat) { b.Since = time.Hour; b.Working = 1; b.State = cdds.NodeStopping })))
		list := got(w.st.Nodes(t.Context(), store.NodeQuery{}))(t)
		equal(t, "nodes", list.Total, int64(1))
		n := list.Items[0]
		ran := n.SeenAt.Sub(n.StartedAt)
		if ran < time.Hour || n.SeenAt.Before(before.Add(-time.Second)) {
			t.Errorf("seen at %s, after it ran for %s; the database's clock was at %s before", n.SeenAt, ran, before)
		}
		n.StartedAt, n.SeenAt = time.Time{}, time.Time{}
		equal(t, "node", n, beat("one", func(b *store.Beat) { b.Working = 1; b.State = cdds.NodeStopping }).Node)
	})
}

func TestASilentNodeIsShownAsOneAndForgottenInTheEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		state := func() cdds.NodeState {
			t.Helper()
			list := got(w.st.Nodes(t.Context(), store.NodeQuery{}))(t)
			if len(list.Items) == 0 {
				return ""
			}
			return list.Items[0].State
		}
		passes := func(seconds int64) {
			t.Helper()
			noError(t, w.exec(`UPDATE nodes SET seen_at = seen_at - $1`, seconds*1_000_000))
			got(w.st.ForgetNodes(t.Context()))(t)
		}
		put := func(s cdds.NodeState) {
			t.Helper()
			noError(t, w.st.PutNode(t.Context(), beat("one", func(b *store.Beat) { b.State = s })))
		}
		const day = 24 * 3600
		put(cdds.NodeUp)
		passes(25)
		equal(t, "state after 25 seconds", state(), cdds.NodeUp)
		passes(6)
		equal(t, "state after 31 seconds", state(), cdds.NodeSilent)
		equal(t, "filtered by silent", len(w.names(t, store.NodeQuery{States: []cdds.NodeState{cdds.NodeSilent}})), 1)
		equal(t, "filtered by up", len(w.names(t, store.NodeQuery{States: []cdds.NodeState{cdds.NodeUp}})), 0)
		put(cdds.NodeUp)
		equal(t, "state after another beat", state(), cdds.NodeUp)
		passes(7*day - 60)
		equal(t, "state after almost a week", state(), cdds.NodeSilent)
		passes(61)
		equal(t, "state after a week", state(), "")
		put(cdds.NodeUp)
		equal(t, "state of a node that speaks again", state(), cdds.NodeUp)
		put(cdds.NodeGone)
		passes(3590)
		equal(t, "state almost an hour after a stop", state(), cdds.NodeGone)
		passes(11)
		equal(t, "state an hour after a stop", state(), "")
	})
}

func TestNodesAreFilteredSortedAndPaged(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i, name := range []string{"Alpha", "beta", "gamma"} {
			noError(t, w.st.PutNode(t.Context(), beat(name, func(b *store.Beat) { b.Roles = cdds.NodeRoles()[:i+1]; b.Working = 2 - i })))
		}
		for _, test := range []struct {
			name string
			q    store.NodeQuery
			want []string
		}{
			{"by load", store.NodeQuery{Paging: store.Paging{Sort: "working"}}, []string{"gamma", "beta", "Alpha"}},
			{"workers", store.NodeQuery{Roles: []string{cdds.NodeWorker}}, []string{"gamma"}},
			{"schedulers or workers", store.NodeQuery{Roles: []string{cdds.NodeScheduler, cdds.NodeWorker}, Paging: store.Paging{Sort: "-name"}}, []string{"gamma", "beta"}},
			{"text", store.NodeQuery{Text: "ALPH"}, []string{"Alpha"}},
			{"nothing", store.NodeQuery{Text: "%"}, []string{}},
		} {
			equal(t, test.name, w.names(t, test.q), test.want)
		}
		var walked []string
		q := store.NodeQuery{Paging: store.Paging{Sort: "-seenAt", Limit: 1}}
		for {
			page := got(w.st.Nodes(t.Context(), q))(t)
			walked = append(walked, page.Items[0].Name)
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		slices.Sort(walked)
		equal(t, "page by page", walked, []string{"Alpha", "beta", "gamma"})
		_, err := w.st.Nodes(t.Context(), store.NodeQuery{Paging: store.Paging{Sort: "address"}})
		wantCode(t, err, cdds.CodeInvalid)
	})
}
