package cdds

import "time"

// TimeframeKind names the rule that turns a scheduled instant into a window.
type TimeframeKind string

// The kinds of timeframe.
const (
	FrameAll       TimeframeKind = "all"
	FrameHour      TimeframeKind = "hour"
	FrameDay       TimeframeKind = "day"
	FrameWeek      TimeframeKind = "week"
	FrameMonth     TimeframeKind = "month"
	FrameSinceLast TimeframeKind = "sinceLast"
	FrameFixed     TimeframeKind = "fixed"
)

// Timeframe says which time of data a run exports.
type Timeframe struct {
	Kind  TimeframeKind
	Start time.Time // fixed; sinceLast: start of the first window, zero: the beginning
	End   time.Time // fixed
	By    DateField // "" means ByStartDate
}
