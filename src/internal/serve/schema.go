package serve

import _ "embed"

// The text is made of the types of the configuration and their comments, by the tests
// with -update.
//
//go:embed server.schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of the configuration, for editors. What
// it refuses, LoadConfig refuses. A server refuses more: addresses, URLs and files that are
// none.
func Schema() string { return schema }
