// Command ipguard finds IP addresses that two BOSH directors both believe to
// be theirs: in their files, before a deploy, and on the wire.
package main

func main() {}
