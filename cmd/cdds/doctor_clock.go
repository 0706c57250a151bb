package main

import (
	"context"
	"fmt"
	"time"

	"cdds/source"
	"cdds/store"
)

// How far another clock may be from this machine's before doctor warns, and
// before it says that something is wrong. No outcome depends on equal clocks,
// but runs start at the wrong moment, or wait.
const (
	clockApart = 2 * time.Second
	clockWrong = 5 * time.Minute
)

// databaseClock compares this machine's clock with that of the metadata
// database.
func databaseClock(ctx context.Context, st *store.Store) diagnosis {
	asked := systemNow()
	at, err := st.Clock(ctx)
	return compareClocks("clock of the metadata database", asked, at, systemNow(), err)
}

// sourceTime compares this machine's clock with that of a Contact History, also
// in the hours in which exports have to wait.
func sourceTime(ctx context.Context, sources *source.Registry, name, check string) diagnosis {
	src, err := sources.Named(ctx, name)
	if err != nil {
		return diagnose(check, "", err)
	}
	if guard, guarded := src.(*source.Guard); guarded {
		src = guard.Source
	}
	asked := systemNow()
	snapshot, err := src.Snapshot(ctx)
	if err != nil {
		return diagnose(check, "", err)
	}
	at := snapshot.Time()
	return compareClocks(check, asked, at, systemNow(), snapshot.Close())
}

// compareClocks judges what another clock said between two moments of ours.
func compareClocks(check string, asked, at, answered time.Time, err error) diagnosis {
	if err != nil {
		return diagnose(check, "", err)
	}
	var off time.Duration
	if at.Before(asked) {
		off = at.Sub(asked)
	} else if at.After(answered) {
		off = at.Sub(answered)
	}
	d := diagnosis{Check: check, OK: off.Abs() < clockWrong, Detail: "agrees with this machine's"}
	if off.Abs() < clockApart {
		return d
	}
	d.Warning = d.OK
	d.Detail = fmt.Sprintf("is %s ahead of this machine's", off.Round(time.Second))
	if off < 0 {
		d.Detail = fmt.Sprintf("is %s behind this machine's", off.Abs().Round(time.Second))
	}
	d.Remedy = "Let a time service set the clocks of both machines: jobs start by this one, and runs wait until their window is over by the source's."
	return d
}
