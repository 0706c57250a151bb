package api

import (
	"context"
	"net/http"
	"time"

	"cdds"
	"cdds/store"
)

// Node is a node of the deployment in an answer. Nodes serve all tenants, so it
// says nothing of one, and where a node listens inside the operator's network
// is the operator's alone ("cdds nodes list").
type Node struct {
	Name      string    `json:"name" doc:"The host and a random suffix: a restarted process is a new node."`
	Roles     []string  `json:"roles" nullable:"false" doc:"What it does: api, scheduler, worker."`
	Version   string    `json:"version"`
	State     string    `json:"state" enum:"up,stopping,outdated,silent,gone" doc:"stopping: takes no more work. outdated: a newer version has migrated the metadata; takes no more work. silent: not heard of for 30 seconds. gone: stopped in order."`
	Workers   int       `json:"workers" doc:"Tasks that it works at a time at most; 0 without the role worker."`
	Working   int       `json:"working" doc:"Tasks at work, of all tenants."`
	StartedAt time.Time `json:"startedAt" doc:"By the metadata database's clock."`
	SeenAt    time.Time `json:"seenAt" doc:"When it last reported, by the metadata database's clock."`
}

type (
	listNodesOutput struct{ Body List[Node] }

	listNodesInput struct {
		ListInput
		Role  string `query:"role" doc:"api, scheduler, worker; several with commas."`
		State string `query:"state" doc:"up, stopping, outdated, silent, gone; several with commas."`
	}
)

func (s *server) registerNodes() {
	register(s, operation("list-nodes", http.MethodGet, "/nodes", "List the nodes of the deployment", cdds.ActionSeeNodes), s.listNodes)
}

func (s *server) listNodes(ctx context.Context, in *listNodesInput) (*listNodesOutput, error) {
	roles, err := chosen("role", in.Role, cdds.NodeRoles()...)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, state := range cdds.NodeStates() {
		known = append(known, string(state))
	}
	words, err := chosen("state", in.State, known...)
	if err != nil {
		return nil, err
	}
	q := store.NodeQuery{Text: in.Text, Roles: roles, Paging: in.paging()}
	for _, word := range words {
		q.States = append(q.States, cdds.NodeState(word))
	}
	page, err := s.Store.Nodes(ctx, q)
	if err != nil {
		return nil, err
	}
	return &listNodesOutput{Body: wireList(page, wireNode)}, nil
}

func wireNode(n cdds.Node) Node {
	return Node{
		Name: n.Name, Roles: n.Roles, Version: n.Version, State: string(n.State), Workers: n.Workers, Working: n.Working,
		StartedAt: n.StartedAt, SeenAt: n.SeenAt,
	}
}
