package api

import (
	"context"
	"net/http"

	"cdds"
)

type changePasswordInput struct {
	Body struct {
		Current  string `json:"current" maxLength:"1024" doc:"The present password."`
		Password string `json:"password" doc:"The new one: 12 to 256 characters."`
	}
}

func (s *server) registerPassword() {
	change := operation("change-password", http.MethodPut, "/me/password", "Change my password; ends my other sessions", cdds.ActionOwnPassword)
	change.DefaultStatus = http.StatusNoContent
	register(s, change, s.changePassword)
}

func (s *server) changePassword(ctx context.Context, in *changePasswordInput) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.ChangePassword(ctx, caller(ctx), in.Body.Current, in.Body.Password, s.now())
}
