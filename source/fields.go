package source

import "fmt"

// Kind is the type of a field's values.
type Kind uint8

const (
	// Text is a UTF-8 string.
	Text Kind = iota
	// Int is a signed integer of at most 64 bits.
	Int
	// Bool is true or false.
	Bool
	// Instant is a point in time with microseconds, in UTC.
	Instant
	// JSON is one JSON text, passed through.
	JSON
	// Binary is a run of bytes, exported as base64.
	Binary
	// Group is not a value of its own: it says whether the record has the
	// fields of its kind that follow (Value.Null means it has none). The fields
	// with the same Group name belong to it.
	Group
)

// Field is one field of an entity: its key in the exported JSON and the place
// in the reference schema that it comes from.
type Field struct {
	Name   string // key in the JSON record
	Group  string // key of the nested object, "" for fields of the record itself
	Kind   Kind
	Table  string // table of the reference schema
	Column string // column of the reference schema
}

// Fields lists the fields of an entity in the order of the exported keys. A
// contact's attributes come in Record.Attributes and are not listed.
func Fields(e Entity) []Field {
	switch e {
	case Interaction:
		return interactionFields()
	case Attachment:
		return attachmentFields()
	case Contact:
		return contactFields()
	}
	return nil
}

func interactionFields() []Field {
	const t = "interaction"
	fields := []Field{
		{"ixnId", "", Text, t, "id"},
		{"tenantId", "", Int, t, "tenantid"},
		{"contactId", "", Text, t, "contactid"},
		{"parentId", "", Text, t, "parentid"},
		{"threadId", "", Text, t, "threadid"},
		{"threadHash", "", Int, t, "threadhash"},
		{"externalId", "", Text, t, "externalid"},
		{"entityTypeId", "", Int, t, "entitytypeid"},
		{"mediaTypeId", "", Text, t, "mediatypeid"},
		{"typeId", "", Text, t, "typeid"},
		{"subtypeId", "", Text, t, "subtypeid"},
		{"status", "", Int, t, "status"},
		{"stoppedReason", "", Text, t, "stoppedreason"},
		{"startDate", "", Instant, t, "startdate"},
		{"modifiedDate", "", Instant, t, "modifieddate"},
		{"endDate", "", Instant, t, "enddate"},
		{"timeShift", "", Int, t, "timeshift"},
		{"subject", "", Text, t, "subject"},
		{"text", "", Text, t, "text"},
		{"structuredText", "", Text, t, "structuredtext"},
		{"structTextMimetype", "", Text, t, "structtextmimetype"},
		{"theComment", "", Text, t, "thecomment"},
		{"lang", "", Text, t, "lang"},
		{"ownerId", "", Text, t, "ownerid"},
		{"creatorAppId", "", Int, t, "creatorappid"},
		{"subtenantId", "", Int, t, "subtenantid"},
		{"queueName", "", Text, t, "queuename"},
		{"categoryId", "", Text, t, "categoryid"},
		{"isCategoryApproved", "", Bool, t, "iscategoryapproved"},
		{"isSpam", "", Bool, t, "isspam"},
		{"webSafeEmailStatus", "", Text, t, "websafeemailstatus"},
		{"canBeParent", "", Bool, t, "canbeparent"},
	}
	for i := 1; i <= 10; i++ {
		fields = append(fields, Field{fmt.Sprintf("strAttribute%d", i), "", Text, t, fmt.Sprintf("strattribute%d", i)})
	}
	for i := 1; i <= 5; i++ {
		fields = append(fields, Field{fmt.Sprintf("intAttribute%d", i), "", Int, t, fmt.Sprintf("intattribute%d", i)})
	}
	fields = append(fields, Field{"allAttributes", "", JSON, t, "allattributes"})
	return append(fields, kindFields()...)
}

// kindFields are the fields that only one kind of interaction has. Each group
// begins with its Group field, whose column is the join key of its table.
func kindFields() []Field {
	const (
		email    = "interaction_email"
		chat     = "interaction_chat"
		phone    = "interaction_phonecall"
		callback = "interaction_callback"
	)
	return []Field{
		{"email", "", Group, email, "interactionid"},
		{"fromAddress", "email", Text, email, "fromaddress"},
		{"toAddresses", "email", Text, email, "toaddresses"},
		{"ccAddresses", "email", Text, email, "ccaddresses"},
		{"bccAddresses", "email", Text, email, "bccaddresses"},
		{"replyToAddress", "email", Text, email, "replytoaddress"},
		{"mailbox", "email", Text, email, "mailbox"},
		{"sentDate", "email", Instant, email, "sentdate"},
		{"chat", "", Group, chat, "interactionid"},
		{"establishedDate", "chat", Instant, chat, "establisheddate"},
		{"releasedDate", "chat", Instant, chat, "releaseddate"},
		{"nickName", "chat", Text, chat, "nickname"},
		{"phoneCall", "", Group, phone, "interactionid"},
		{"phoneNumber", "phoneCall", Text, phone, "phonenumber"},
		{"duration", "phoneCall", Int, phone, "duration"},
		{"outcome", "phoneCall", Text, phone, "outcome"},
		{"connectionId", "phoneCall", Text, phone, "connectionid"},
		{"callback", "", Group, callback, "interactionid"},
		{"customerNumber", "callback", Text, callback, "customernumber"},
		{"callbackType", "callback", Text, callback, "callbacktype"},
		{"desiredResponseType", "callback", Text, callback, "desiredresponsetype"},
		{"status", "callback", Int, callback, "status"},
		{"startTime", "callback", Instant, callback, "starttime"},
		{"endTime", "callback", Instant, callback, "endtime"},
		{"attempts", "callback", Int, callback, "attempts"},
		{"result", "callback", Int, callback, "result"},
	}
}

func attachmentFields() []Field {
	const t = "attachment"
	return []Field{
		{"id", "", Text, t, "id"},
		{"entityId", "", Text, t, "entityid"},
		{"tenantId", "", Int, t, "tenantid"},
		{"theName", "", Text, t, "thename"},
		{"mimeType", "", Text, t, "mimetype"},
		{"theSize", "", Int, t, "thesize"},
		{"description", "", Text, t, "description"},
		{"createdDate", "", Instant, t, "createddate"},
		{"content", "", Binary, t, "content"},
	}
}

func contactFields() []Field {
	const t = "contact"
	return []Field{
		{"contactId", "", Text, t, "id"},
		{"tenantId", "", Int, t, "tenantid"},
		{"createdDate", "", Instant, t, "createddate"},
		{"modifiedDate", "", Instant, t, "modifieddate"},
		{"mergeId", "", Text, t, "mergeid"},
	}
}
