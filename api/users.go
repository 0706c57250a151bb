package api

import (
	"context"
	"net/http"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// User is a user of the tenant in an answer.
type User struct {
	ID        string    `json:"id"`
	Username  string    `json:"username"`
	Role      *string   `json:"role" doc:"administrator, exporter or viewer; null for a user without a role, who sees Access Denied."`
	State     string    `json:"state" enum:"active,deactivated" doc:"A deactivated user is not let in, and the runs of their jobs fail."`
	Jobs      int64     `json:"jobs" doc:"How many jobs the user owns."`
	CreatedAt time.Time `json:"createdAt"`
}

// CreatedUser is a user that was just made.
type CreatedUser struct {
	User
	Password *string `json:"password" doc:"The password where it was made here; it is not kept, and not shown again, not even by a repeated request. Else null."`
}

// NewPassword is the answer to a reset.
type NewPassword struct {
	Password *string `json:"password" doc:"The password where it was made here; it is not kept, and not shown again. Else null."`
}

// TakenOver is the answer to a take-over.
type TakenOver struct {
	Jobs int `json:"jobs" doc:"How many jobs changed hands."`
}

// UserPath names a user.
type UserPath struct {
	ID string `path:"id" maxLength:"64"`
}

type (
	userBody        struct{ Body User }
	newPasswordBody struct{ Body NewPassword }
	takenOverBody   struct{ Body TakenOver }
	listUsersOutput struct{ Body List[User] }

	listUsersInput struct {
		ListInput
		Role  string `query:"role" doc:"administrator, exporter, viewer, none; several with commas."`
		State string `query:"state" doc:"active, deactivated; several with commas."`
	}
	createUserInput struct {
		OnceInput
		Body struct {
			Username string  `json:"username" doc:"1 to 100 characters."`
			Role     *string `json:"role,omitempty" nullable:"true" doc:"administrator, exporter or viewer; null for none."`
			Password *string `json:"password,omitempty" nullable:"true" doc:"12 to 256 characters; null has one made."`
		}
	}
	createdUserOutput struct {
		Location string `header:"Location"`
		Body     CreatedUser
	}
	editUserInput struct {
		UserPath
		Body struct {
			Role *string `json:"role" nullable:"true" doc:"administrator, exporter or viewer; null for none."`
		}
	}
	resetPasswordInput struct {
		UserPath
		Body struct {
			Password *string `json:"password,omitempty" nullable:"true" doc:"12 to 256 characters; null has one made."`
		}
	}
)

func (s *server) registerUsers() {
	register(s, operation("list-users", http.MethodGet, "/users", "List the tenant's users", cdds.ActionManageUsers), s.listUsers)
	create := operation("create-user", http.MethodPost, "/users", "Add a user to the tenant", cdds.ActionManageUsers)
	create.DefaultStatus = http.StatusCreated
	register(s, create, s.createUser)
	register(s, operation("get-user", http.MethodGet, "/users/{id}", "Show a user", cdds.ActionManageUsers), s.getUser)
	register(s, operation("edit-user", http.MethodPut, "/users/{id}", "Give a user another role; ends the user's sessions", cdds.ActionManageUsers), s.editUser)
	register(s, operation("deactivate-user", http.MethodPost, "/users/{id}/deactivate", "Let a user in no more; ends sessions and streams, and tokens are refused", cdds.ActionManageUsers), s.deactivateUser)
	register(s, operation("activate-user", http.MethodPost, "/users/{id}/activate", "Let a deactivated user in again", cdds.ActionManageUsers), s.activateUser)
	register(s, operation("reset-password", http.MethodPost, "/users/{id}/password", "Give another user a new password; ends the user's sessions", cdds.ActionManageUsers), s.resetPassword)
	register(s, operation("take-over", http.MethodPost, "/users/{id}/take-over", "Become the owner of a deactivated user's jobs", cdds.ActionManageUsers), s.takeOver)
}

func (s *server) listUsers(ctx context.Context, in *listUsersInput) (*listUsersOutput, error) {
	words, err := chosen("role", in.Role, string(cdds.RoleAdministrator), string(cdds.RoleExporter), string(cdds.RoleViewer), noRole)
	if err != nil {
		return nil, err
	}
	states, err := chosen("state", in.State, store.UserActive, store.UserDeactivated)
	if err != nil {
		return nil, err
	}
	q := store.UserQuery{TenantID: caller(ctx).User.TenantID, Text: in.Text, States: states, Paging: in.paging()}
	for _, role := range words {
		if role == noRole {
			role = string(cdds.RoleNone)
		}
		q.Roles = append(q.Roles, cdds.Role(role))
	}
	page, err := s.Store.UserRows(ctx, q)
	if err != nil {
		return nil, err
	}
	return &listUsersOutput{Body: wireList(page, wireUser)}, nil
}

// createUser leaves the password out of what the idempotency key is bound to:
// that is kept as a plain hash, from which a password could be guessed.
func (s *server) createUser(ctx context.Context, in *createUserInput) (*createdUserOutput, error) {
	role, err := roleOf(in.Body.Role)
	if err != nil {
		return nil, err
	}
	once, err := in.once("create-user", in.Body.Username, role, in.Body.Password == nil)
	if err != nil {
		return nil, err
	}
	nu := control.NewUser{Username: in.Body.Username, Role: role}
	if nu.Password, err = typed(in.Body.Password); err != nil {
		return nil, err
	}
	user, made, err := s.Control.CreateUser(ctx, caller(ctx), nu, once, s.now())
	if err != nil {
		return nil, err
	}
	shown, err := s.showUser(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	return &createdUserOutput{Location: Prefix + "/users/" + user.ID, Body: CreatedUser{User: shown.Body, Password: word(made)}}, nil
}

func (s *server) getUser(ctx context.Context, in *UserPath) (*userBody, error) {
	return s.showUser(ctx, in.ID)
}

func (s *server) editUser(ctx context.Context, in *editUserInput) (*userBody, error) {
	role, err := roleOf(in.Body.Role)
	if err != nil {
		return nil, err
	}
	if _, err := s.Control.SetRole(ctx, caller(ctx), in.ID, role, s.now()); err != nil {
		return nil, err
	}
	return s.showUser(ctx, in.ID)
}

func (s *server) deactivateUser(ctx context.Context, in *UserPath) (*userBody, error) {
	return s.changeUser(ctx, in.ID, s.Control.DeactivateUser)
}

func (s *server) activateUser(ctx context.Context, in *UserPath) (*userBody, error) {
	return s.changeUser(ctx, in.ID, s.Control.ActivateUser)
}

// changeUser asks control for a change of a user's state and shows the user.
func (s *server) changeUser(ctx context.Context, id string, change func(context.Context, control.Caller, string, time.Time) (cdds.User, error)) (*userBody, error) {
	if _, err := change(ctx, caller(ctx), id, s.now()); err != nil {
		return nil, err
	}
	return s.showUser(ctx, id)
}

func (s *server) resetPassword(ctx context.Context, in *resetPasswordInput) (*newPasswordBody, error) {
	password, err := typed(in.Body.Password)
	if err != nil {
		return nil, err
	}
	made, err := s.Control.ResetPassword(ctx, caller(ctx), in.ID, password, s.now())
	return &newPasswordBody{Body: NewPassword{Password: word(made)}}, err
}

func (s *server) takeOver(ctx context.Context, in *UserPath) (*takenOverBody, error) {
	jobs, err := s.Control.TakeOver(ctx, caller(ctx), in.ID, s.now())
	return &takenOverBody{Body: TakenOver{Jobs: jobs}}, err
}

func (s *server) showUser(ctx context.Context, id string) (*userBody, error) {
	row, err := s.Store.UserRow(ctx, caller(ctx).User.TenantID, id)
	return &userBody{Body: wireUser(row)}, err
}

func wireUser(row store.UserRow) User {
	out := User{ID: row.ID, Username: row.Username, Role: word(string(row.Role)), State: store.UserActive, Jobs: row.Jobs, CreatedAt: row.CreatedAt}
	if !row.Active {
		out.State = store.UserDeactivated
	}
	return out
}

// noRole stands in filters for users without a role.
const noRole = "none"

// roleOf reads a role. Only null is none: an empty one is an oversight.
func roleOf(role *string) (cdds.Role, error) {
	switch {
	case role == nil:
		return cdds.RoleNone, nil
	case *role == "":
		return "", cdds.Invalid("role", "must be administrator, exporter or viewer, or null for none.")
	}
	return cdds.Role(*role), nil
}

// typed reads a password that may be null. An empty one is refused here, where it
// can be told from null, which has one made.
func typed(password *string) (string, error) {
	switch {
	case password == nil:
		return "", nil
	case *password == "":
		return "", cdds.ValidatePassword("")
	}
	return *password, nil
}

// word is the wire form of a text that may be absent.
func word(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
