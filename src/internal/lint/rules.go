package lint

import "slices"

// Rules returns every rule of ipguard. The order is that of lists and pages.
//
// Left out on purpose: overlapping ranges of two directors that hand out
// nothing in common (a shared VLAN that is split by reserved: is how it should
// be); gateways and resolvers that several directors name; static ranges that
// nobody uses.
func Rules() []Rule {
	rules := []Rule{
		addressClaimedTwice,
		vipClaimedTwice,
		staticIPTwice,
		gatewayInUse,
		staticInForeignPool,
		createEnvInForeignPool,
		vipInPool,
		gatewayInPool,
		dnsInPool,
		externalInPool,
		overlappingPools,
		sameRouterID,
		keptByCloud,
		bookedByOther,
		unbookedStatic,
		bookingsOverlap,
		releasedInUse,
		bookingEnds,
		bookingUnused,
		hiddenAddress,
		idleSegment,
		unlistedFile,
		staleSnapshot,
		partialSnapshot,
	}
	return slices.Concat(rules, directorRules(), exceptionRules())
}

// BookingRules are those of Rules whose errors are about what is booked. They look at
// claims that are in use or handed out, at bookings and pools, and at nothing else.
func BookingRules() []Rule {
	return []Rule{bookedByOther, unbookedStatic, bookingsOverlap, releasedInUse}
}
