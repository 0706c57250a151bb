package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"cdds"
	"cdds/store"
)

// nodesCommand groups the commands about nodes.
type nodesCommand struct {
	List nodesListCommand `cmd:"" help:"List the nodes: role, version, load, and when each was last seen."`
}

// nodesListCommand lists the nodes, as the metadata database knows them.
type nodesListCommand struct {
	dataFlags
	outputFlags
}

// listedNode is a node in the JSON output.
type listedNode struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Roles     []string  `json:"roles"`
	Version   string    `json:"version"`
	Address   string    `json:"address"`
	Workers   int       `json:"workers"`
	Working   int       `json:"working"`
	StartedAt time.Time `json:"startedAt"`
	SeenAt    time.Time `json:"seenAt"`
}

// Run lists the nodes. It does not migrate: with a newer binary, a look at the
// nodes must not make those outdated that are there.
func (c *nodesListCommand) Run(ctx context.Context, std streams) error {
	st, err := openExisting(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	err = st.Ready(ctx)
	var nodes []cdds.Node
	if err == nil {
		nodes, err = allNodes(ctx, st)
	}
	if err := closing(st, err); err != nil {
		return err
	}
	return c.print(std.Out, nodes)
}

// allNodes reads the list page by page.
func allNodes(ctx context.Context, st *store.Store) ([]cdds.Node, error) {
	var all []cdds.Node
	q := store.NodeQuery{Paging: store.Paging{Limit: 500}}
	for {
		page, err := st.Nodes(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return all, nil
		}
	}
}

func (c *nodesListCommand) print(w io.Writer, nodes []cdds.Node) error {
	listed := make([]listedNode, 0, len(nodes))
	for _, n := range nodes {
		listed = append(listed, listedNode{n.Name, string(n.State), n.Roles, n.Version, n.Address, n.Workers, n.Working, n.StartedAt, n.SeenAt})
	}
	if c.Output == "json" {
		return json.NewEncoder(w).Encode(listed)
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATE\tROLES\tVERSION\tADDRESS\tLOAD\tSTARTED\tLAST SEEN")
	for _, n := range listed {
		load := "-"
		if n.Workers > 0 {
			load = fmt.Sprintf("%d/%d", n.Working, n.Workers)
		}
		address := n.Address
		if address == "" {
			address = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, n.State, strings.Join(n.Roles, ","), n.Version, address, load,
			n.StartedAt.Format(time.DateTime), n.SeenAt.Format(time.DateTime))
	}
	return table.Flush()
}
