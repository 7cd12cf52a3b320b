package snapshot

// Head says what a volume's present content descends from. The zero Head says: from no snapshot.
type Head struct {
	// Snapshot is what the content descends from; none if it descends from no snapshot, or nobody knows.
	Snapshot ID `json:"head,omitzero"`
	// Unknown: nobody can tell what the content descends from, after a revert that was abandoned half way.
	Unknown bool `json:"head_unknown,omitempty"`
}

// String returns the snapshot's id, "none" or "unknown".
func (h Head) String() string {
	switch {
	case h.Unknown:
		return "unknown"
	case h.Snapshot.IsZero():
		return "none"
	}
	return h.Snapshot.String()
}
