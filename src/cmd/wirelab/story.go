//go:build linux

package main

func story(program string, _ []string) error { return nil }
