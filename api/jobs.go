package api

import (
	"context"
	"net/http"
	"time"

	"cdds"
	"cdds/control"
	"cdds/source"
	"cdds/store"
)

type jobBody struct{ Body Job }

// JobPath names a job. It is exported only because huma looks into exported
// embedded structs alone, as with the others below.
type JobPath struct {
	ID string `path:"id" maxLength:"64"`
}

type listJobsInput struct {
	ListInput
	Source string `query:"source" doc:"contact_history"`
	Type   string `query:"type" doc:"interaction, contact; several with commas."`
	State  string `query:"state" doc:"active, suspended; several with commas."`
	Latest string `query:"latest" doc:"State of the latest run: queued, in_progress, finished, failed, canceled, none; several with commas."`
}

type listJobsOutput struct{ Body List[Job] }

type createJobInput struct {
	OnceInput
	Body JobSpec
}

type createdJobOutput struct {
	Location string `header:"Location"`
	Body     Job
}

type editJobInput struct {
	JobPath
	Body JobSpec
}

func (s *server) registerJobs() {
	register(s, operation("list-jobs", http.MethodGet, "/jobs", "List jobs", cdds.ActionSeeJobs), s.listJobs)
	create := operation("create-job", http.MethodPost, "/jobs", "Create a job", cdds.ActionManageJobs)
	create.DefaultStatus = http.StatusCreated
	register(s, create, s.createJob)
	register(s, operation("preview-job", http.MethodPost, "/jobs/preview", "Next starts, window and size of a job that is being edited", cdds.ActionManageJobs), s.previewJob)
	register(s, operation("get-job", http.MethodGet, "/jobs/{id}", "Show a job", cdds.ActionSeeJobs), s.getJob)
	register(s, operation("edit-job", http.MethodPut, "/jobs/{id}", "Edit a recurring job", cdds.ActionManageJobs), s.editJob)
	remove := operation("delete-job", http.MethodDelete, "/jobs/{id}", "Delete a job", cdds.ActionManageJobs)
	remove.DefaultStatus = http.StatusNoContent
	register(s, remove, s.deleteJob)
	register(s, operation("suspend-job", http.MethodPost, "/jobs/{id}/suspend", "Suspend a job", cdds.ActionManageJobs), s.suspendJob)
	register(s, operation("resume-job", http.MethodPost, "/jobs/{id}/resume", "Resume a job", cdds.ActionManageJobs), s.resumeJob)
}

func (s *server) listJobs(ctx context.Context, in *listJobsInput) (*listJobsOutput, error) {
	types, err := chosen("type", in.Type, "interaction", "contact")
	if err != nil {
		return nil, err
	}
	states, err := chosen("state", in.State, "active", "suspended")
	if err != nil {
		return nil, err
	}
	latest, err := chosen("latest", in.Latest, "queued", "in_progress", "finished", "failed", "canceled", "none")
	if err != nil {
		return nil, err
	}
	page, err := s.Store.Jobs(ctx, store.JobQuery{
		TenantID: caller(ctx).User.TenantID, Text: in.Text, Source: in.Source, Types: types, States: states, RunStates: latest, Paging: in.paging(),
	})
	if err != nil {
		return nil, err
	}
	return &listJobsOutput{Body: wireList(page, wireJob)}, nil
}

func (s *server) createJob(ctx context.Context, in *createJobInput) (*createdJobOutput, error) {
	spec, err := in.Body.spec()
	if err != nil {
		return nil, err
	}
	once, err := in.once("create-job", in.Body)
	if err != nil {
		return nil, err
	}
	job, err := s.Control.CreateJob(ctx, caller(ctx), spec, once, s.now())
	if err != nil {
		return nil, err
	}
	body, err := s.showJob(ctx, job.ID)
	if err != nil {
		return nil, err
	}
	return &createdJobOutput{Location: Prefix + "/jobs/" + job.ID, Body: body.Body}, nil
}

func (s *server) getJob(ctx context.Context, in *JobPath) (*jobBody, error) {
	return s.showJob(ctx, in.ID)
}

func (s *server) editJob(ctx context.Context, in *editJobInput) (*jobBody, error) {
	spec, err := in.Body.spec()
	if err != nil {
		return nil, err
	}
	if _, err := s.Control.EditJob(ctx, caller(ctx), in.ID, spec, s.now()); err != nil {
		return nil, err
	}
	return s.showJob(ctx, in.ID)
}

func (s *server) deleteJob(ctx context.Context, in *JobPath) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.DeleteJob(ctx, caller(ctx), in.ID, s.now())
}

func (s *server) suspendJob(ctx context.Context, in *JobPath) (*jobBody, error) {
	return s.changeJob(ctx, in.ID, s.Control.SuspendJob)
}

func (s *server) resumeJob(ctx context.Context, in *JobPath) (*jobBody, error) {
	return s.changeJob(ctx, in.ID, s.Control.ResumeJob)
}

// changeJob asks control for a change of a job's state and shows the job.
func (s *server) changeJob(ctx context.Context, id string, change func(context.Context, control.Caller, string, time.Time) (cdds.Job, error)) (*jobBody, error) {
	if _, err := change(ctx, caller(ctx), id, s.now()); err != nil {
		return nil, err
	}
	return s.showJob(ctx, id)
}

func (s *server) showJob(ctx context.Context, id string) (*jobBody, error) {
	row, err := s.Store.JobRow(ctx, caller(ctx).User.TenantID, id)
	if err != nil {
		return nil, err
	}
	return &jobBody{Body: wireJob(row)}, nil
}

// Preview is what a job would do if it were saved now.
type Preview struct {
	NextStarts       []time.Time `json:"nextStarts" doc:"At most five, in UTC. Empty for a job that starts at once."`
	Window           Window      `json:"window" doc:"The window of the next run."`
	Tiling           string      `json:"tiling" enum:"tiles,gaps,overlaps,open" doc:"How the windows of consecutive runs meet."`
	TilingNote       string      `json:"tilingNote"`
	EstimatedRecords *int64      `json:"estimatedRecords" doc:"Records in that window; null when the source does not answer."`
	EstimateExact    bool        `json:"estimateExact" doc:"False where the source's statistics gave the number."`
	MediaTypes       []string    `json:"mediaTypes" doc:"Media types that the source has; null when it does not answer." nullable:"true"`
}

type previewInput struct{ Body JobSpec }

type previewOutput struct{ Body Preview }

// sourceTime bounds how long a preview waits for the source.
const sourceTime = 5 * time.Second

// previewJob computes with the scheduler's own rules. A source that does not
// answer leaves the estimate out: it must not keep a job from being edited.
func (s *server) previewJob(ctx context.Context, in *previewInput) (*previewOutput, error) {
	spec, err := in.Body.spec()
	if err != nil {
		return nil, err
	}
	now := s.now()
	if err := spec.Validate(now); err != nil {
		return nil, err
	}
	first := spec.Schedule.FirstStart(now)
	tiling := spec.Tiling()
	out := Preview{NextStarts: []time.Time{}, Tiling: string(tiling.Kind), TilingNote: tiling.Note}
	next := now
	if spec.Schedule.Kind != cdds.Once || !spec.Schedule.StartAt.IsZero() {
		out.NextStarts = append(out.NextStarts, spec.Schedule.Starts(now, first, 5)...)
		next = first
	}
	window := spec.Window(next, first, time.Time{})
	out.Window = wireWindow(window)
	s.estimate(ctx, spec, window, &out)
	return &previewOutput{Body: out}, nil
}

// estimate asks the source for the size of the window and its media types.
func (s *server) estimate(ctx context.Context, spec cdds.JobSpec, window cdds.Window, out *Preview) {
	ctx, cancel := context.WithTimeout(ctx, sourceTime)
	defer cancel()
	tenant, err := s.Store.Tenant(ctx, caller(ctx).User.TenantID)
	if err != nil {
		s.Log.Warn("preview without estimate", "error", err)
		return
	}
	src, err := s.Sources.Named(ctx, tenant.Source)
	if err != nil {
		s.Log.Warn("preview without estimate", "error", err)
		return
	}
	if out.MediaTypes, err = src.MediaTypes(ctx, tenant.SourceID); err != nil {
		s.Log.Warn("preview without media types", "error", err)
	}
	snapshot, err := src.Snapshot(ctx)
	if err != nil {
		s.Log.Warn("preview without estimate", "error", err)
		return
	}
	defer func() {
		if err := snapshot.Close(); err != nil {
			s.Log.Warn("end of a preview's snapshot", "error", err)
		}
	}()
	entity := source.Interaction
	if spec.Type == cdds.TypeContact {
		entity = source.Contact
	}
	count, err := snapshot.Count(ctx, source.Query{
		Entity: entity, TenantID: tenant.SourceID, Window: window, By: spec.Timeframe.By, MediaTypes: spec.MediaTypes,
	})
	if err != nil {
		s.Log.Warn("preview without estimate", "error", err)
		return
	}
	out.EstimatedRecords, out.EstimateExact = &count.Records, count.Exact
}
