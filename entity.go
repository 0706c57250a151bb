package cdds

// SourceName names the kind of database that a job reads.
type SourceName string

const (
	// SourceContactHistory is the Contact History database, listed as "UCS".
	SourceContactHistory SourceName = "contact_history"
	// SourceInfoMart is named by the original product and not supported.
	SourceInfoMart SourceName = "info_mart"
)

// EntityType is what a job exports.
type EntityType string

const (
	// TypeInteraction exports interactions and their attachments.
	TypeInteraction EntityType = "interaction"
	// TypeContact exports contacts with their attributes.
	TypeContact EntityType = "contact"
)

// DateField says which date decides whether a record belongs to a window.
type DateField string

const (
	// ByStartDate takes an interaction's start date. Contacts have none: for
	// them both fields mean the modified date, and the created date where a
	// contact was never modified.
	ByStartDate DateField = "startDate"
	// ByModifiedDate takes the modified date, for incremental feeds.
	ByModifiedDate DateField = "modifiedDate"
)
