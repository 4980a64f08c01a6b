//go:build race

package sharedtest

const underRace = true
