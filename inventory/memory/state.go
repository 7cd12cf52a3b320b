package memory

// state is everything that the store knows after one commit. A published state never changes.
type state struct {
	volumes    volumes
	snapshots  snapshots
	operations operations
	records    records
	// seq is the Seq of the last operation's commit.
	seq int64
}

func newState() *state {
	return &state{volumes: newVolumes(), snapshots: newSnapshots(), operations: newOperations(), records: newRecords()}
}
