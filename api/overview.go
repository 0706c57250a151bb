package api

import (
	"context"
	"net/http"
	"time"

	"cdds"
	"cdds/store"
)

// Bounds of the overview.
const (
	certificateWarning = 30 * 24 * time.Hour
	maxCertificates    = 20
)

// Overview sums up what the tenant's exports did lately.
type Overview struct {
	Days         []OverviewDay    `json:"days" doc:"One for each UTC day, today's last, also those without a run."`
	Storage      StorageUse       `json:"storage"`
	Certificates []CertificateEnd `json:"certificates" doc:"Those that end within 30 days or have ended: all users' and recipients' for administrators, one's own for others."`
}

// OverviewDay is one UTC day, by the end of its runs.
type OverviewDay struct {
	Day           time.Time `json:"day" doc:"Its beginning, 00:00 UTC."`
	Finished      int64     `json:"finished"`
	Failed        int64     `json:"failed"`
	Canceled      int64     `json:"canceled"`
	Records       int64     `json:"records" doc:"Records exported."`
	Bytes         int64     `json:"bytes" doc:"Bytes of the artifacts made."`
	MedianSeconds *float64  `json:"medianSeconds" doc:"Median duration of the finished runs; null without one."`
	P95Seconds    *float64  `json:"p95Seconds" doc:"95 of 100 finished runs took no longer; null without one."`
}

// StorageUse is what the stored artifacts take.
type StorageUse struct {
	Artifacts int64 `json:"artifacts"`
	Bytes     int64 `json:"bytes"`
}

// CertificateEnd is a certificate that needs replacing.
type CertificateEnd struct {
	Username string    `json:"username"`
	Subject  string    `json:"subject"`
	NotAfter time.Time `json:"notAfter"`
	Expired  bool      `json:"expired"`
}

type overviewInput struct {
	Days int `query:"days" minimum:"1" maximum:"90" default:"30" doc:"How many UTC days, today included."`
}

type overviewOutput struct{ Body Overview }

// MediaTypes is what the source offers to choose from.
type MediaTypes struct {
	MediaTypes []string `json:"mediaTypes"`
}

type mediaTypesOutput struct{ Body MediaTypes }

func (s *server) registerOverview() {
	register(s, operation("get-overview", http.MethodGet, "/overview", "What the exports did lately, by UTC day", cdds.ActionSeeRuns), s.getOverview)
	register(s, operation("list-media-types", http.MethodGet, "/media-types", "Media types that the source has", cdds.ActionManageJobs), s.listMediaTypes)
}

func (s *server) getOverview(ctx context.Context, in *overviewInput) (*overviewOutput, error) {
	by := caller(ctx).User
	now := s.now()
	today := now.Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, 1-in.Days)
	days, err := s.Store.RunDays(ctx, by.TenantID, first)
	if err != nil {
		return nil, err
	}
	out := Overview{Days: overviewDays(days, first, in.Days), Certificates: []CertificateEnd{}}
	use, err := s.Store.StorageUse(ctx, by.TenantID)
	if err != nil {
		return nil, err
	}
	out.Storage = StorageUse(use)
	ends, err := s.Store.CertificateEnds(ctx, by.TenantID, now.Add(certificateWarning), maxCertificates)
	if err != nil {
		return nil, err
	}
	for _, e := range ends {
		if by.Role.Can(cdds.ActionManageUsers) || e.UserID == by.ID {
			out.Certificates = append(out.Certificates, CertificateEnd{Username: e.Username, Subject: e.Subject, NotAfter: e.NotAfter, Expired: !e.NotAfter.After(now)})
		}
	}
	if by.Role.Can(cdds.ActionManageRecipients) {
		ends, err := s.recipientEnds(ctx, by.TenantID, now.Add(certificateWarning), now)
		if err != nil {
			return nil, err
		}
		out.Certificates = append(out.Certificates, ends...)
	}
	return &overviewOutput{Body: out}, nil
}

// overviewDays lays the days that have runs into an unbroken row of n days.
func overviewDays(found []store.RunDay, first time.Time, n int) []OverviewDay {
	days := make([]OverviewDay, n)
	for i := range days {
		days[i].Day = first.AddDate(0, 0, i)
	}
	for _, f := range found {
		i := int(f.Day.Sub(first) / (24 * time.Hour))
		if i < 0 || i >= n {
			continue // a clock that stepped back; the day is not on the chart
		}
		days[i] = OverviewDay{Day: f.Day, Finished: f.Finished, Failed: f.Failed, Canceled: f.Canceled, Records: f.Records, Bytes: f.Bytes}
		if f.Finished > 0 {
			median, p95 := f.MedianRun.Seconds(), f.P95Run.Seconds()
			days[i].MedianSeconds, days[i].P95Seconds = &median, &p95
		}
	}
	return days
}

func (s *server) listMediaTypes(ctx context.Context, _ *struct{}) (*mediaTypesOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, sourceTime)
	defer cancel()
	tenant, err := s.Store.Tenant(ctx, caller(ctx).User.TenantID)
	if err != nil {
		return nil, err
	}
	src, err := s.Sources.Named(ctx, tenant.Source)
	if err != nil {
		return nil, err
	}
	names, err := src.MediaTypes(ctx, tenant.SourceID)
	if err != nil {
		return nil, err
	}
	return &mediaTypesOutput{Body: MediaTypes{MediaTypes: append([]string{}, names...)}}, nil
}
