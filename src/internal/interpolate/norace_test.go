//go:build !race

package interpolate

// raceDetector reports whether the race detector is on.
const raceDetector = false
