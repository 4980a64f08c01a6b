package report

// ShownLine is a line of a file as it may be shown: secrets starred out, and
// what would steer a terminal written out.
func ShownLine(line string) string { return visible(withoutSecrets(line)) }
