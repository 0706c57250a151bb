package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"cdds"
)

// specVersion counts the forms in which job definitions have been kept.
const specVersion = 1

// specForm is a job definition as it is kept in one JSON column. It is a form
// of this package's own, so that neither a rename among the nouns nor a change
// of the API's bodies makes what is stored unreadable. Times are UTC; a zero
// time is left out.
type specForm struct {
	Version         int           `json:"version"`
	Title           string        `json:"title"`
	Description     string        `json:"description,omitempty"`
	Source          string        `json:"source"`
	Type            string        `json:"type"`
	MediaTypes      []string      `json:"mediaTypes"` // null: all
	Schedule        scheduleForm  `json:"schedule"`
	Timeframe       timeframeForm `json:"timeframe"`
	SplitSize       int64         `json:"splitSize,omitempty"`
	Compression     string        `json:"compression,omitempty"` // absent in definitions from before there was a choice: default
	SettlingMinutes int           `json:"settlingMinutes,omitempty"`
}

type scheduleForm struct {
	Kind      string    `json:"kind"`
	StartAt   time.Time `json:"startAt,omitzero"`
	Every     int       `json:"every,omitempty"`
	Hour      int       `json:"hour,omitempty"`
	Minute    int       `json:"minute,omitempty"`
	Weekday   int       `json:"weekday,omitempty"` // 0 is Sunday
	Day       int       `json:"day,omitempty"`
	TimeZone  string    `json:"timeZone,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	RunNow    bool      `json:"runNow,omitempty"`
}

type timeframeForm struct {
	Kind  string    `json:"kind"`
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	By    string    `json:"by,omitempty"`
}

// encodeSpec returns the column's text for a job definition.
func encodeSpec(s cdds.JobSpec) (string, error) {
	body, err := json.Marshal(specForm{
		Version: specVersion, Title: s.Title, Description: s.Description,
		Source: string(s.Source), Type: string(s.Type), MediaTypes: s.MediaTypes,
		Schedule: scheduleForm{
			Kind: string(s.Schedule.Kind), StartAt: s.Schedule.StartAt.UTC(), Every: s.Schedule.Every,
			Hour: s.Schedule.At.Hour, Minute: s.Schedule.At.Minute, Weekday: int(s.Schedule.Weekday), Day: s.Schedule.Day,
			TimeZone: s.Schedule.TimeZone, NotBefore: s.Schedule.NotBefore.UTC(), RunNow: s.Schedule.RunNow,
		},
		Timeframe: timeframeForm{
			Kind: string(s.Timeframe.Kind), Start: s.Timeframe.Start.UTC(), End: s.Timeframe.End.UTC(), By: string(s.Timeframe.By),
		},
		SplitSize: s.SplitSize, Compression: string(s.Compression), SettlingMinutes: s.SettlingMinutes,
	})
	if err != nil {
		return "", failure("write a job definition", err)
	}
	return string(body), nil
}

// spec scans the column of a job definition.
type spec cdds.JobSpec

// Scan reads a column.
func (s *spec) Scan(column any) error {
	body, isText := column.(string)
	if !isText {
		return fmt.Errorf("a job definition is kept as text, not as %T", column)
	}
	var f specForm
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		return fmt.Errorf("read a job definition: %w", err)
	}
	if f.Version != specVersion {
		return fmt.Errorf("a job definition has version %d; this program knows version %d", f.Version, specVersion)
	}
	*s = spec{
		Title: f.Title, Description: f.Description, Source: cdds.SourceName(f.Source), Type: cdds.EntityType(f.Type), MediaTypes: f.MediaTypes,
		Schedule: cdds.Schedule{
			Kind: cdds.ScheduleKind(f.Schedule.Kind), StartAt: f.Schedule.StartAt, Every: f.Schedule.Every,
			At: cdds.TimeOfDay{Hour: f.Schedule.Hour, Minute: f.Schedule.Minute}, Weekday: time.Weekday(f.Schedule.Weekday), Day: f.Schedule.Day,
			TimeZone: f.Schedule.TimeZone, NotBefore: f.Schedule.NotBefore, RunNow: f.Schedule.RunNow,
		},
		Timeframe: cdds.Timeframe{
			Kind: cdds.TimeframeKind(f.Timeframe.Kind), Start: f.Timeframe.Start, End: f.Timeframe.End, By: cdds.DateField(f.Timeframe.By),
		},
		SplitSize: f.SplitSize, Compression: cdds.Compression(cmp.Or(f.Compression, string(cdds.CompressionDefault))), SettlingMinutes: f.SettlingMinutes,
	}
	return nil
}
