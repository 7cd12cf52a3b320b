package engine

import "maps"

// wordSuffices is for effects of which the journal needs to know nothing but that they took place.
func wordSuffices(*run) bool { return true }

// meanings is what each step means, for a person. A step whose table entry has no words of its own gets those of its name.
func meanings() map[string]say {
	all := make(map[string]say)
	for _, some := range []map[string]say{sayLetGo(), saySnapshots(), sayVolumes()} {
		maps.Copy(all, some)
	}
	all[stepQuiesced] = all[stepCreate]
	return all
}

func sayLetGo() map[string]say {
	return map[string]say{
		stepDetach: {
			aim:     "make {host} let go of {volume}",
			done:    "{host} was made to let go of {volume}; the machine that uses it lost this disk",
			unknown: "whether {host} still has {volume} is not known",
			undone:  "{host} has {volume} as before",
		},
		stepRevoke: {
			aim:     "make the array refuse everybody access to {volume}",
			done:    "the array was made to let nobody reach {volume}; who could is written down in the journal",
			unknown: "whether the array still lets anybody reach {volume} is not known",
			undone:  "access to {volume} at the array is as before",
		},
		stepGrant: {
			aim:     "make the array give access to {volume} back",
			done:    "whoever had access to {volume} at the array has it again",
			unknown: "whether access to {volume} is given back is not known",
		},
		stepAttach: {
			aim:     "make {host} take {volume} again",
			done:    "{host} has {volume} again",
			unknown: "whether {host} has {volume} again is not known",
		},
	}
}

func saySnapshots() map[string]say {
	return map[string]say{
		stepGroup: {
			aim:     "make the array take the snapshots of all volumes",
			done:    "the array has the snapshots of all volumes",
			unknown: "whether the array has the snapshots of all volumes, or of some, is not known",
			undone:  "the snapshots are deleted again",
		},
		stepDropGroup: {
			aim:     "make the array delete what it took together",
			done:    "the array has deleted what it took together",
			unknown: "whether the array has deleted what it took together, or some of it, is not known",
		},
		stepThaw: {
			aim:     "make sure that the hosts let the machines write again",
			done:    "the machines write again",
			unknown: "whether the machines write again is not known; a host lets them by itself after a while",
		},
		stepCreate: {
			aim:     "make the array take {snapshot}",
			done:    "the array has {snapshot}",
			unknown: "whether the array has {snapshot} is not known",
			undone:  "{snapshot} is deleted again",
			disproof: "look at the array, by the token below: {snapshot} is not there, and no request to make it can still be " +
				"on its way",
			ifNotDone: "the snapshot's record goes and the operation fails; if you are wrong, the array keeps a snapshot that the " +
				"inventory does not know, until an audit finds it by its token",
		},
		stepKeep: {
			aim:     "make the array take {keep} of the content now",
			done:    "the content of before is kept as {keep}",
			unknown: "whether the array has {keep} is not known",
			undone:  "{keep} is deleted again",
		},
		stepDelete: {
			aim:     "make the array delete {snapshot}",
			done:    "the array has deleted {snapshot}",
			unknown: "whether the array has deleted {snapshot} is not known",
			proof:   "look at the array: {snapshot} is not there any more",
			ifDone: "the snapshot leaves the tree and its children become its parent's; if you are wrong, the array keeps a snapshot " +
				"that the inventory does not know, until an audit finds it by its token",
			disproof: "look at the array: {snapshot} is there, and no request to delete it can still be on its way",
			ifNotDone: "the snapshot is as it was and the operation fails; if you are wrong, whoever reverts to it or clones it is told " +
				"by the array that it is not there",
		},
		stepImport: {
			aim:  "write records of the snapshots that the array has of {volume}",
			done: "the snapshots that the array has of {volume} are recorded",
		},
		stepSetExpiry: {
			aim:     "tell the array when it shall delete {snapshot} by itself",
			done:    "the array knows when it shall delete {snapshot} by itself",
			unknown: "whether the array knows when it shall delete {snapshot} by itself is not known",
		},
		stepCondemnYounger: {
			aim:     "mark the younger snapshots that the array may drop, so that nobody begins to use one",
			done:    "the younger snapshots are marked as going",
			unknown: "only part of the younger snapshots may be marked as going; the array still has them",
			undone:  "the younger snapshots are ready again",
		},
		stepSpareYounger: {
			aim:     "make ready again what the array has not dropped",
			done:    "what the array has not dropped is ready again",
			unknown: "what the array has not dropped may still be marked as going",
		},
		stepCondemn: {
			aim:     "mark the snapshots of {volume}, so that nobody begins to use one",
			done:    "the snapshots of {volume} are marked as going; the array still has them",
			unknown: "only part of the snapshots of {volume} may be marked as going; the array still has them",
			undone:  "the snapshots of {volume} are ready again",
		},
		stepDropSnapshots: {
			aim:     "make the array delete the snapshots of {volume}",
			done:    "the array has deleted the snapshots of {volume}",
			unknown: "some snapshots of {volume} may be deleted; those that still have a record may be there",
		},
	}
}

func sayVolumes() map[string]say {
	return map[string]say{
		stepRevert: {
			aim:     "make the array put the content of {snapshot} back",
			done:    "{volume} has the content of {snapshot}",
			unknown: "whether {volume} has the content of {snapshot}, or still that of before, is not known",
			proof: "look at the array's own log or at the content: the roll-back of {volume} to {snapshot} took place, " +
				"all of it",
			ifDone: "the volume is given back, and the tree says that its content is that of {snapshot}; if you are wrong, the tree " +
				"lies, but no data is lost",
			disproof: "look at the array's own log or at the content: {volume} was not rolled back, not even in part, and no request to " +
				"do so can still be on its way",
			ifNotDone: "the volume is given back with the content that it has, and the operation fails; if you are wrong, the tree " +
				"lies: whoever uses the volume finds the old content",
		},
		stepSplit: {
			aim:     "make the array copy what {volume} still shares with {snapshot}",
			done:    "{volume} shares nothing with {snapshot} any more",
			unknown: "whether {volume} still shares data with {snapshot} is not known",
		},
		stepReread: {
			aim:  "read at the array what {volume} is now",
			done: "the array was asked what {volume} is now",
		},
		stepClone: {
			aim:     "make the array clone {snapshot} into {volume}",
			done:    "the array has {volume}, a clone of {snapshot}",
			unknown: "whether the array has made {volume}, or still copies, is not known",
			undone:  "the new volume is gone from the array",
		},
		stepCloneGrant: {
			aim:     "make the array give {host} access to {volume}",
			done:    "{host} has access to {volume} at the array",
			unknown: "whether {host} has access to {volume} at the array is not known",
			undone:  "access to {volume} is taken away again",
		},
		stepIntroduce: {
			aim:     "give {volume} an identity of its own and show it to {host}",
			done:    "{host} knows {volume}",
			unknown: "whether {host} knows {volume} is not known",
			undone:  "{host} does not know {volume} any more",
		},
		stepDeleteVolume: {
			aim:     "make the array delete {volume}",
			done:    "the array has deleted {volume}",
			unknown: "whether the array has deleted {volume} is not known",
			proof:   "look at the array: {volume} is not there any more",
			ifDone: "the volume's record goes too; if you are wrong, the array keeps a volume that the inventory does not know, and " +
				"it can be imported",
			disproof: "look at the array: {volume} is there, and no request to delete it can still be on its way",
			ifNotDone: "the volume is given back and the operation fails; if you are wrong, giving it back waits, because the array " +
				"does not know it any more",
		},
	}
}
