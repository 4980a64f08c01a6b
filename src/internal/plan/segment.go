package plan

// Identity is what a subnet's cloud_properties say about its segment.
type Identity struct {
	// Scheme names the kind of id: "aws subnet", "openstack network", …; empty
	// if the properties name nothing.
	Scheme string
	// ID is the value; empty if it is hidden behind a variable.
	ID string
	// Global marks ids that no two segments of the world share.
	Global bool
}
