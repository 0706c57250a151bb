package source

import "sort"

// SortAttributes puts a contact's attributes into the exported order: by name,
// then by value, both bytewise, so that it does not depend on a database's
// collation.
func SortAttributes(attributes []Attribute) {
	sort.SliceStable(attributes, func(i, j int) bool {
		if attributes[i].Name != attributes[j].Name {
			return attributes[i].Name < attributes[j].Name
		}
		return attributes[i].Value < attributes[j].Value
	})
}
