//go:build race

package interpolate

// raceDetector makes long comparisons of single goroutines, which are ten times
// slower under it, leave out repetitions.
const raceDetector = true
