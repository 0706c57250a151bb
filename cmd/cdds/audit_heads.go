package main

import (
	"context"
	"time"
)

// headsEvery is how often the service writes the heads of the audit logs into
// its own log. That is often collected elsewhere, where nobody who changes the
// database can change it: then these heads prove the log up to the hour.
const headsEvery = time.Hour

// tellHeads writes the heads at once and then every hour, until ctx ends.
func tellHeads(ctx context.Context, s service) {
	tick := time.NewTicker(headsEvery)
	defer tick.Stop()
	for {
		if err := tellHeadsOnce(ctx, s); err != nil && ctx.Err() == nil {
			s.log.Warn("the heads of the audit logs could not be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func tellHeadsOnce(ctx context.Context, s service) error {
	logs, err := allLogs(ctx, s.st)
	if err != nil {
		return err
	}
	for _, l := range logs {
		head, err := s.st.AuditHead(ctx, l.id)
		if err != nil {
			return err
		}
		if head.Number > 0 {
			s.log.Info("audit head", "head", headText(head))
		}
	}
	return nil
}
