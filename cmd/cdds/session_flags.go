package main

import (
	"time"

	"cdds"
)

// sessionFlags are the settings of how long sign-ins hold.
type sessionFlags struct {
	SessionIdle     time.Duration `help:"How long a session lasts without a request." default:"30m" env:"CDDS_SESSION_IDLE"`
	SessionMax      time.Duration `help:"How long a session lasts however busy it is." default:"12h" env:"CDDS_SESSION_MAX"`
	SessionRemember time.Duration `help:"How long a browser is remembered that asks for it: it gets new sessions without a password. 0: none is." default:"720h" env:"CDDS_SESSION_REMEMBER"`
}

// sessions checks the settings.
func (f sessionFlags) sessions() (cdds.SessionLimits, error) {
	l := cdds.SessionLimits{Idle: f.SessionIdle, Absolute: f.SessionMax, Remember: f.SessionRemember}
	return l, l.Validate()
}
