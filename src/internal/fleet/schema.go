package fleet

import _ "embed"

// The text is made of the types and comments in model.go, by the tests with
// -update.
//
//go:embed ipguard.schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of the fleet file, for editors.
// What it refuses, Load refuses. Load refuses more: addresses, versions and
// patterns that are none, and names that are given twice or name nothing.
func Schema() string { return schema }
