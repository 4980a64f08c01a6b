//go:build !race

package collect

// raceDetector reports whether the race detector is on.
const raceDetector = false
