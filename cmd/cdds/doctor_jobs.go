package main

import (
	"context"
	"fmt"

	"cdds"
	"cdds/store"
)

// leftJobs looks for active jobs whose owner is deactivated: each of their runs
// fails. Where there is none it says nothing.
func leftJobs(ctx context.Context, st *store.Store) []diagnosis {
	users, err := st.Users(ctx, "")
	if err != nil {
		return []diagnosis{diagnose("owners of jobs", "", err)}
	}
	var found []diagnosis
	for _, u := range users {
		if u.Active {
			continue
		}
		check := "jobs of " + u.TenantName + "/" + u.Username
		jobs, err := st.JobsOf(ctx, u.TenantID, u.ID)
		if err != nil {
			found = append(found, diagnose(check, "", err))
			continue
		}
		due := 0
		for _, job := range jobs {
			if job.State == cdds.JobActive {
				due++
			}
		}
		if due > 0 {
			found = append(found, diagnosis{
				Check: check, OK: true, Warning: true, Detail: fmt.Sprintf("fail, since their owner is deactivated: %d", due),
				Remedy: "An administrator takes them over, under Administration > Users or by cdds user take-over.",
			})
		}
	}
	return found
}
