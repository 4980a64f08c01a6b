//go:build !race

package sharedtest

const underRace = false
