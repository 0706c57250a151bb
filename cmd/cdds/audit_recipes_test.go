package main

import (
	"fmt"
	"maps"
)

// member makes a user who is no administrator, and returns the id.
func (x *changes) member(active bool) string {
	x.count++
	id := x.admin.addUser(fmt.Sprint("member-", x.count), "viewer").ID
	if !active {
		x.admin.ok("POST", "/users/"+id+"/deactivate", nil, nil)
	}
	return id
}

// leaver makes a deactivated user who owns a job, and returns the id.
func (x *changes) leaver() string {
	id := x.admin.addUser("leaver", "administrator").ID
	leaver := x.s.signIn(x.t, "leaver", longPassword)
	if status, _, text := leaver.do("PUT", "/me/certificate", x.certificate(), nil); status >= 300 {
		x.t.Fatalf("the leaver's certificate: %d: %.200s", status, text)
	}
	leaver.ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "daily", "every": 1, "at": "02:00"}}), nil)
	x.admin.ok("POST", "/users/"+id+"/deactivate", nil, nil)
	return id
}

// recipient returns the id of a recipient of the tenant.
func (x *changes) recipient() string {
	var known list[struct{ ID string }]
	x.admin.ok("GET", "/recipients", nil, &known)
	if len(known.Items) > 0 {
		return known.Items[0].ID
	}
	var added struct{ ID string }
	x.admin.ok("POST", "/recipients", x.newRecipient(), &added)
	return added.ID
}

func (x *changes) newRecipient() object {
	return object{"title": "Escrow", "certificate": string(x.certificate())}
}

// elsewhere signs the administrator in a second time, and returns the name of
// that session.
func (x *changes) elsewhere() string {
	x.s.signIn(x.t, x.out.Username, x.out.Password)
	var places list[struct {
		ID      string
		Current bool
	}]
	x.admin.ok("GET", "/sessions", nil, &places)
	for _, p := range places.Items {
		if !p.Current {
			return p.ID
		}
	}
	x.t.Fatal("the second sign-in is not listed")
	return ""
}

// recipesOfPeople are the recipes about users, their sessions, and who can read
// what.
func (x *changes) recipesOfPeople() map[string]func() request {
	return map[string]func() request{
		"create-user":     func() request { return request{body: object{"username": "created", "password": longPassword}} },
		"edit-user":       func() request { return request{id: x.member(true), body: object{"role": "exporter"}} },
		"deactivate-user": func() request { return request{id: x.member(true)} },
		"activate-user":   func() request { return request{id: x.member(false)} },
		"reset-password":  func() request { return request{id: x.member(true), body: object{"password": "another long password"}} },
		"take-over":       func() request { return request{id: x.leaver(), lines: 2} }, // and one for the job
		// The same again, so that later recipes can sign in.
		"change-password":    func() request { return request{body: object{"current": x.out.Password, "password": x.out.Password}} },
		"end-session":        func() request { return request{id: x.elsewhere()} },
		"end-other-sessions": func() request { x.elsewhere(); return request{} },
		"put-encryption":     func() request { return request{body: object{"encryption": "authenticated"}} },
		"add-recipient":      func() request { return request{body: x.newRecipient()} },
		"remove-recipient":   func() request { return request{id: x.recipient()} },
	}
}

// all returns all recipes.
func (x *changes) all() map[string]func() request {
	all := x.recipes()
	maps.Copy(all, x.recipesOfPeople())
	return all
}
