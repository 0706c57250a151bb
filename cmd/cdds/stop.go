package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cdds"
)

// stopTime is how long requests in flight, and workers that hand on, may take to
// end at a stop.
const stopTime = 10 * time.Second

// mostWorkers bounds --workers: more would be a slip of the finger.
const mostWorkers = 1000

// stopFlags say how a node stops.
type stopFlags struct {
	Drain time.Duration `help:"How long a node that is asked to stop waits for its runs to finish, before it hands them on to other nodes; a second signal hands them on at once." default:"0s" env:"CDDS_DRAIN"`
}

// validate refuses settings of a node that make no sense.
func (c *serveCommand) validate() error {
	if c.Workers < 1 || c.Workers > mostWorkers || c.Drain < 0 {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "A setting of the node makes no sense.",
			Hint: "--workers is 1 to 1000; a node that carries out no runs leaves the role worker out. --drain is 0s or more."}
	}
	return nil
}

// roles are what this node does, in the order in which they are shown.
func (c *serveCommand) roles() []string {
	var roles []string
	for _, role := range cdds.NodeRoles() {
		if c.does(role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// life is how far a node has come: asked ends when it is asked to stop, working
// when it takes no more work, for that or another reason, and serving when it
// answers no more requests.
type life struct {
	asked, working, serving context.Context
	retire, quit            func() // end working, and serving with it
}

// windDown waits until the node is to take no more work, and ends it in the
// order in which nothing is lost: it takes no more tasks and starts nothing that
// is due; it waits for runs under way where --drain asks for that; it hands on
// what is left, and lets requests in flight end beside that. A node that is
// outdated goes on to answer until it is asked to stop: a supervisor would only
// start it again, and it would refuse.
func (c *serveCommand) windDown(l life, s service) error {
	<-l.working.Done()
	s.self.becomes(cdds.NodeStopping)
	var err error
	if c.does(cdds.NodeWorker) {
		c.drain(l, s)
		if l.asked.Err() != nil {
			l.quit()
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(l.serving), stopTime)
		defer cancel()
		err = s.tasks.Stop(bounded)
	}
	select {
	case <-l.asked.Done():
	case <-l.serving.Done():
	}
	l.quit()
	return err
}

// drain takes no more tasks and waits for those at work, until --drain is over
// or a second signal comes.
func (c *serveCommand) drain(l life, s service) {
	if c.Drain == 0 {
		return
	}
	s.log.Info("no more tasks are taken; runs under way may finish", "at_work", s.self.working.Load(), "drain", c.Drain)
	bounded, cancel := context.WithTimeout(l.serving, c.Drain)
	defer cancel()
	// Only from the first signal on is another one the second.
	defer context.AfterFunc(l.asked, func() {
		again := make(chan os.Signal, 1)
		signal.Notify(again, syscall.SIGINT, syscall.SIGTERM)
		defer signal.Stop(again)
		select {
		case <-again:
			cancel()
		case <-bounded.Done():
		}
	})()
	if err := s.tasks.Drain(bounded); err != nil {
		s.log.Warn("runs under way are handed on", "at_work", s.self.working.Load(), "reason", err)
		return
	}
	s.log.Info("all runs of this node have ended")
}
