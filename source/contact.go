package source

import (
	"cmp"
	"slices"
)

// SortAttributes puts a contact's attributes into the exported order: by name,
// then by value, both bytewise, so that it does not depend on a database's
// collation. What follows decides between equal ones, so that the same contact
// always gives the same line.
func SortAttributes(attributes []Attribute) {
	slices.SortFunc(attributes, func(a, b Attribute) int {
		if order := cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)); order != 0 {
			return order
		}
		if a.Primary != b.Primary {
			if a.Primary {
				return -1
			}
			return 1
		}
		return cmp.Compare(described(a), described(b))
	})
}

// described puts an attribute without a description before those with one.
func described(a Attribute) string {
	if a.Description == nil {
		return ""
	}
	return "d" + *a.Description
}
