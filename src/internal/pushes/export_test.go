//go:build !race

package pushes

// NewestVersions is the question that Newest asks.
const NewestVersions = newestVersions
