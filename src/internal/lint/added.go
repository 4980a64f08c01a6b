package lint

// Added are the findings of a run that an earlier one did not have. A finding is known
// again by its rule, severity and owners: which of their addresses it names, and where
// they stand, may change when one of two conflicts is cured.
func Added(before, after []Finding) []Finding {
	known := map[string]bool{}
	for _, f := range before {
		known[foldKey(f)] = true
	}
	var added []Finding
	for _, f := range after {
		if !known[foldKey(f)] {
			added = append(added, f)
		}
	}
	return added
}
