package plan

// An Actor is who makes a call.
type Actor struct {
	ID string
	// Local marks the one principal of a service without identities.
	Local bool
}
