package engine

// saySetExpiry is what it means to tell the array when to delete a snapshot by itself, for a person.
func saySetExpiry() say {
	return say{
		aim:     "tell the array when to delete {snapshot} by itself, or never to",
		done:    "the array was told when to delete {snapshot} by itself, or never to",
		unknown: "whether the array was told when to delete {snapshot} by itself is not known",
		proof:   "look at the array: the expiry of {snapshot} there is what the operation would make it",
		ifDone: "the operation goes on to its success; if you are wrong, the array may delete {snapshot} too early, held or not, or " +
			"never",
		disproof: "look at the array: the expiry of {snapshot} there is what it was, and no request to change it can still be on its way",
		ifNotDone: "the record is as it was and the operation fails; if you are wrong, the array may delete {snapshot} although the " +
			"record says otherwise: set its expiry again",
	}
}

func keepingLeaves(r *run) string {
	told := "; the array may delete {snapshot} at the time that it was told last: set the expiry again"
	switch {
	case r.op.Kind == kindRelease:
		return "{snapshot} does not have the hold any more" + told
	case r.op.Kind == kindHold:
		return "{snapshot} does not have the hold" + told
	}
	return "{snapshot} expires as its record says" + told
}

func explainKeeping(_ *run, x *Explanation) {
	x.Now = append(x.Now, "{volume} is in use as ever; only when {snapshot} is deleted is being changed")
	x.Safe = append(x.Safe, "using {volume}: its machine runs on", "reverting to {snapshot} and cloning it, once the operation has ended")
}
