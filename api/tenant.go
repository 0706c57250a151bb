package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"cdds"
)

// Tenant is the caller's tenant: what it reads, may use and uses. It is changed
// by the operator alone, from the command line.
type Tenant struct {
	Name   string       `json:"name"`
	Number int64        `json:"number" doc:"The tenant's number (tenantId) in Contact History."`
	Source TenantSource `json:"source"`
	Limits TenantLimits `json:"limits"`
	Use    TenantUse    `json:"use"`
}

// TenantSource is where the tenant's data come from.
type TenantSource struct {
	Name    string  `json:"name" doc:"Its name among the service's settings; default is the deployment's own."`
	Answers bool    `json:"answers" doc:"Whether it took a connection just now."`
	Reason  *string `json:"reason" doc:"Why it did not answer; null where it did."`
}

// TenantLimits are what the tenant may use.
type TenantLimits struct {
	Runs          *int   `json:"runs" doc:"Runs in progress at a time; null: any number."`
	StorageBytes  *int64 `json:"storageBytes" doc:"Bytes of artifacts that are kept; null: any number."`
	RetentionDays int    `json:"retentionDays" doc:"How long new artifacts are kept."`
}

// TenantUse is what the tenant uses now.
type TenantUse struct {
	Runs         int64 `json:"runs" doc:"Runs in progress."`
	Waiting      int64 `json:"waiting" doc:"Runs that are due and queued."`
	Artifacts    int64 `json:"artifacts"`
	StorageBytes int64 `json:"storageBytes"`
}

type tenantOutput struct{ Body Tenant }

func (s *server) registerTenant() {
	register(s, operation("get-tenant", http.MethodGet, "/tenant", "My tenant: its source, its limits and what it uses", cdds.ActionSeeTenant), s.getTenant)
}

func (s *server) getTenant(ctx context.Context, _ *struct{}) (*tenantOutput, error) {
	tenant, err := s.Store.Tenant(ctx, caller(ctx).User.TenantID)
	if err != nil {
		return nil, err
	}
	runs, err := s.Store.RunUse(ctx, tenant.ID, s.now())
	if err != nil {
		return nil, err
	}
	stored, err := s.Store.StorageUse(ctx, tenant.ID)
	if err != nil {
		return nil, err
	}
	const day = 24 * time.Hour
	return &tenantOutput{Body: Tenant{
		Name: tenant.Name, Number: tenant.SourceID, Source: s.tenantSource(ctx, tenant),
		Limits: TenantLimits{
			Runs: unlessZero(tenant.Limits.Runs), StorageBytes: unlessZero(tenant.Limits.Storage),
			RetentionDays: int(tenant.Limits.Retention(s.Retention) / day),
		},
		Use: TenantUse{Runs: runs.InProgress, Waiting: runs.Queued, Artifacts: stored.Artifacts, StorageBytes: stored.Bytes},
	}}, nil
}

// tenantSource asks the tenant's source whether it answers. What it says goes to
// the log; the administrator reads what our own errors say, which name neither
// addresses nor users.
func (s *server) tenantSource(ctx context.Context, tenant cdds.Tenant) TenantSource {
	ctx, cancel := context.WithTimeout(ctx, sourceTime)
	defer cancel()
	out := TenantSource{Name: tenant.SourceName(), Answers: true}
	err := s.Sources.Answers(ctx, tenant.Source)
	if err == nil {
		return out
	}
	s.Log.Warn("a tenant's source does not answer", "tenant", tenant.ID, "source", tenant.SourceName(), "error", err)
	reason := "The source does not answer; the service's log says why."
	var ours *cdds.Error
	if errors.As(err, &ours) {
		reason = ours.Message
		if ours.Hint != "" {
			reason += " " + ours.Hint
		}
	}
	out.Answers, out.Reason = false, &reason
	return out
}

// unlessZero returns nil for the limit that is none.
func unlessZero[T comparable](limit T) *T {
	var none T
	if limit == none {
		return nil
	}
	return &limit
}
