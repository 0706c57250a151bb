// Command provider is the identity provider of the browser tests: the OpenID
// Connect provider of github.com/zitadel/oidc, set up as its example server is,
// but on the loopback address alone and with groups among the claims. It is a
// module of its own, so that the product does not depend on it.
package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// withGroups adds the claim that single sign-on gives roles by.
type withGroups struct{ *storage.Storage }

// SetUserinfoFromToken answers the user info endpoint. A user's last name is
// the group here: the example's users have no other place for one.
func (s withGroups) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	if err := s.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin); err != nil {
		return err
	}
	info.AppendClaims("groups", []string{"everybody", info.FamilyName})
	return nil
}

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if len(os.Args) != 4 {
		log.Error("usage: provider PORT USERS.json REDIRECT-URI")
		os.Exit(2)
	}
	port, users, redirect := os.Args[1], os.Args[2], os.Args[3]
	storage.RegisterClients(storage.WebClient("cdds", "a secret of the tests", redirect))
	store, err := storage.StoreFromFile(users)
	if err != nil {
		log.Error("read the users", "error", err)
		os.Exit(1)
	}
	server := &http.Server{
		Addr:              net.JoinHostPort("127.0.0.1", port),
		Handler:           exampleop.SetupServer("http://localhost:"+port+"/", withGroups{storage.NewStorage(store)}, log, false),
		ReadHeaderTimeout: time.Minute,
	}
	log.Info("listening", "address", server.Addr)
	log.Error("stopped", "error", server.ListenAndServe())
	os.Exit(1)
}
