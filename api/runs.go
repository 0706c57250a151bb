package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"cdds"
	"cdds/store"
)

type runBody struct{ Body Run }

// RunPath names a run.
type RunPath struct {
	ID string `path:"id" maxLength:"64"`
}

type listRunsInput struct {
	ListInput
	Source string `query:"source" doc:"contact_history"`
	Type   string `query:"type" doc:"interaction, contact; several with commas."`
	State  string `query:"state" doc:"queued, in_progress, finished, failed, canceled; several with commas."`
	Job    string `query:"job" maxLength:"64" doc:"Id of a job."`
}

type listRunsOutput struct{ Body List[Run] }

type startRunInput struct {
	OnceInput
	JobPath
}

type retryRunInput struct {
	OnceInput
	RunPath
}

type createdRunOutput struct {
	Location string `header:"Location"`
	Body     Run
}

// Download is who fetched one of a run's artifacts.
type Download struct {
	ArtifactID string    `json:"artifactId"`
	Name       string    `json:"name" doc:"The file's name."`
	Username   string    `json:"username"`
	Address    string    `json:"address" doc:"The client's network address."`
	At         time.Time `json:"at"`
}

// Downloads are a run's downloads, newest first.
type Downloads struct {
	Downloads []Download `json:"downloads" doc:"At most 100, newest first."`
}

type downloadsOutput struct{ Body Downloads }

// maxDownloads bounds the list of a run's downloads.
const maxDownloads = 100

type manifestOutput struct {
	Disposition string `header:"Content-Disposition"`
	Body        json.RawMessage
}

func (s *server) registerRuns() {
	start := operation("start-run", http.MethodPost, "/jobs/{id}/runs", "Start a run of a recurring job now", cdds.ActionStartRuns)
	start.DefaultStatus = http.StatusCreated
	register(s, start, s.startRun)
	register(s, operation("list-runs", http.MethodGet, "/runs", "List runs (History)", cdds.ActionSeeRuns), s.listRuns)
	register(s, operation("get-run", http.MethodGet, "/runs/{id}", "Show a run", cdds.ActionSeeRuns), s.getRun)
	remove := operation("delete-run", http.MethodDelete, "/runs/{id}", "Delete a run that has ended, and its artifacts", cdds.ActionDeleteRuns)
	remove.DefaultStatus = http.StatusNoContent
	register(s, remove, s.deleteRun)
	register(s, operation("cancel-run", http.MethodPost, "/runs/{id}/cancel", "Cancel a run", cdds.ActionCancelRuns), s.cancelRun)
	retry := operation("retry-run", http.MethodPost, "/runs/{id}/retry", "Repeat a failed or canceled run, or a finished one with damaged artifacts", cdds.ActionStartRuns)
	retry.DefaultStatus = http.StatusCreated
	register(s, retry, s.retryRun)
	register(s, operation("get-manifest", http.MethodGet, "/runs/{id}/manifest", "The account of a finished run", cdds.ActionSeeRuns), s.getManifest)
	register(s, operation("list-downloads", http.MethodGet, "/runs/{id}/downloads", "Who downloaded a run's artifacts", cdds.ActionSeeArtifacts), s.listDownloads)
}

func (s *server) listRuns(ctx context.Context, in *listRunsInput) (*listRunsOutput, error) {
	types, err := chosen("type", in.Type, "interaction", "contact")
	if err != nil {
		return nil, err
	}
	states, err := chosen("state", in.State, "queued", "in_progress", "finished", "failed", "canceled")
	if err != nil {
		return nil, err
	}
	page, err := s.Store.Runs(ctx, store.RunQuery{
		TenantID: caller(ctx).User.TenantID, Text: in.Text, JobID: in.Job, Source: in.Source, Types: types, States: states, Paging: in.paging(),
	})
	if err != nil {
		return nil, err
	}
	return &listRunsOutput{Body: wireList(page, func(r cdds.Run) Run { return wireRun(r, nil) })}, nil
}

func (s *server) startRun(ctx context.Context, in *startRunInput) (*createdRunOutput, error) {
	once, err := in.once("start-run", in.ID)
	if err != nil {
		return nil, err
	}
	run, err := s.Control.StartRun(ctx, caller(ctx), in.ID, once, s.now())
	return s.createdRun(ctx, run, err)
}

func (s *server) retryRun(ctx context.Context, in *retryRunInput) (*createdRunOutput, error) {
	once, err := in.once("retry-run", in.ID)
	if err != nil {
		return nil, err
	}
	run, err := s.Control.RetryRun(ctx, caller(ctx), in.ID, once, s.now())
	return s.createdRun(ctx, run, err)
}

func (s *server) createdRun(ctx context.Context, run cdds.Run, err error) (*createdRunOutput, error) {
	if err != nil {
		return nil, err
	}
	body, err := s.showRun(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	return &createdRunOutput{Location: Prefix + "/runs/" + run.ID, Body: body.Body}, nil
}

func (s *server) getRun(ctx context.Context, in *RunPath) (*runBody, error) {
	return s.showRun(ctx, in.ID)
}

func (s *server) cancelRun(ctx context.Context, in *RunPath) (*runBody, error) {
	if _, err := s.Control.CancelRun(ctx, caller(ctx), in.ID, s.now()); err != nil {
		return nil, err
	}
	return s.showRun(ctx, in.ID)
}

func (s *server) deleteRun(ctx context.Context, in *RunPath) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.DeleteRun(ctx, caller(ctx), in.ID, s.now())
}

func (s *server) getManifest(ctx context.Context, in *RunPath) (*manifestOutput, error) {
	manifest, err := s.Store.Manifest(ctx, caller(ctx).User.TenantID, in.ID)
	if err != nil {
		return nil, err
	}
	return &manifestOutput{Disposition: `attachment; filename="manifest-` + in.ID + `.json"`, Body: manifest}, nil
}

func (s *server) listDownloads(ctx context.Context, in *RunPath) (*downloadsOutput, error) {
	tenantID := caller(ctx).User.TenantID
	if _, err := s.Store.Run(ctx, tenantID, in.ID); err != nil {
		return nil, err
	}
	found, err := s.Store.Downloads(ctx, tenantID, in.ID, maxDownloads)
	if err != nil {
		return nil, err
	}
	out := Downloads{Downloads: make([]Download, 0, len(found))}
	for _, d := range found {
		out.Downloads = append(out.Downloads, Download{ArtifactID: d.ArtifactID, Name: d.Name, Username: d.Username, Address: d.Address, At: d.At})
	}
	return &downloadsOutput{Body: out}, nil
}

func (s *server) showRun(ctx context.Context, id string) (*runBody, error) {
	run, err := s.Store.Run(ctx, caller(ctx).User.TenantID, id)
	if err != nil {
		return nil, err
	}
	attempts, err := s.Store.Attempts(ctx, id)
	if err != nil {
		return nil, err
	}
	body := wireRun(run, attempts)
	if run.State == cdds.RunInProgress {
		use, err := s.Store.RangeUse(ctx, run.TenantID, id)
		if err != nil {
			return nil, err
		}
		if use.Total > 0 {
			body.Ranges = &Ranges{Done: use.Done, Total: use.Total}
		}
	}
	return &runBody{Body: body}, nil
}
