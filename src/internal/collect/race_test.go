//go:build race

package collect

// raceDetector multiplies the memory of a process, which is not measured under it.
const raceDetector = true
