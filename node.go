package cdds

import (
	"slices"
	"time"
)

// NodeState is what is known of a node: a process of "cdds serve".
type NodeState string

// The states of a node. Silent is never written down: it is what a node looks
// like that has not been heard of for SilentAfter and did not say that it stops.
const (
	NodeUp       NodeState = "up"
	NodeStopping NodeState = "stopping" // takes no more tasks; runs under way end or are handed on
	NodeOutdated NodeState = "outdated" // a newer version has migrated the metadata: takes no more tasks
	NodeSilent   NodeState = "silent"
	NodeGone     NodeState = "gone" // stopped in order
)

// Times of a node's row in the list of nodes.
const (
	NodeBeatEvery   = 5 * time.Second
	NodeSilentAfter = 30 * time.Second
	NodeGoneKept    = time.Hour
	NodeSilentKept  = 7 * 24 * time.Hour
)

// The roles of a node.
const (
	NodeAPI       = "api"
	NodeScheduler = "scheduler"
	NodeWorker    = "worker"
)

// NodeRoles returns the roles there are, in the order in which they are shown.
func NodeRoles() []string { return []string{NodeAPI, NodeScheduler, NodeWorker} }

// NodeStates returns the states there are.
func NodeStates() []NodeState {
	return []NodeState{NodeUp, NodeStopping, NodeOutdated, NodeSilent, NodeGone}
}

// Node is a process of "cdds serve" as the list of nodes shows it. Its times are
// of the metadata database's clock.
type Node struct {
	Name      string
	Roles     []string // in the order of NodeRoles
	Version   string
	Address   string // where its API listens; "" without one
	Workers   int    // tasks that it works at a time at most; 0 without the role worker
	Working   int    // tasks at work
	State     NodeState
	StartedAt time.Time
	SeenAt    time.Time
}

// Does reports whether the node has a role.
func (n Node) Does(role string) bool { return slices.Contains(n.Roles, role) }
