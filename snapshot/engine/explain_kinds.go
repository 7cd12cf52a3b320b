package engine

import "github.com/storagesnap/storagesnap/inventory"

// What each kind adds to the explanation of an open operation: what is known of the things that it works on, and what a person
// must keep the hands off.

func explainCreate(r *run, x *Explanation) {
	if !r.touchedAny() {
		x.Now = append(x.Now, "the array was not asked yet; {volume} is in use as ever")
		return
	}
	x.Now = append(x.Now, "{volume} is in use as ever; only {snapshot} may or may not exist")
	x.Safe = append(x.Safe, "using {volume}: its machine runs on")
	x.DoNot = append(x.DoNot, "rename or delete the snapshot at the array by hand, should it be there: the operation looks for it "+
		"by its token")
}

func explainDelete(r *run, x *Explanation) {
	x.Safe = append(x.Safe, "using {volume}: its machine runs on")
	if !r.sent() {
		x.Now = append(x.Now, "{snapshot} is as it was, but cannot be used while it is being deleted")
		return
	}
	x.Now = append(x.Now, "{volume} is in use as ever; {snapshot} may be gone, and cannot be used")
	x.Safe = append(x.Safe, "deleting {snapshot} at the array by hand: the operation then finds it gone and ends")
}

func explainRevert(r *run, x *Explanation) {
	defer r.explainLetGo(x)
	if r.p.Snapshot.IsZero() { // it is only rolled back with its container, and has no snapshot of that instant
		x.Now = append(x.Now, "the array rolls {volume} back together with the others of its container")
		return
	}
	switch state := r.rolled(r.member); {
	case state == inventory.StepDone:
		x.Now = append(x.Now, "the content of {volume} is already that of {snapshot}; what was written since is gone from the volume")
		if r.keptForSure() {
			x.Now = append(x.Now, "the content of before is kept as {keep}")
		}
		x.DoNot = append(x.DoNot,
			"revert {volume} again, at the array or here: it is done, and only giving the volume back is missing",
			"delete {snapshot} at the array: the tree would go on naming what is not there")
	case state == inventory.StepSent && r.p.Partial:
		x.Now = append(x.Now, "the array said that {volume} was rolled back in part: its content is neither that of before nor "+
			"that of {snapshot}; only completing the revert helps")
		x.DoNot = append(x.DoNot, "use {volume} in any way: its content is broken until the revert is complete",
			"delete {snapshot} at the array: nothing else can make {volume} whole")
	case state == inventory.StepSent:
		x.Now = append(x.Now, "nobody knows whether {volume} has the content of {snapshot} or still that of before")
		x.DoNot = append(x.DoNot,
			"write to {volume}, or start a machine on it: the revert may still be applied, and wipe that out",
			"revert {volume} at the array by hand", "delete {snapshot} at the array: it may still be needed")
	default:
		x.Now = append(x.Now, "the content of {volume} is what it was: nothing was rolled back")
		x.DoNot = append(x.DoNot, "revert {volume} at the array by hand")
	}
}

// explainLetGo tells what was taken from the volume's users and not given back yet.
func (r *run) explainLetGo(x *Explanation) {
	if r.touched(stepRevoke) && r.stateOf(stepGrant) != inventory.StepDone {
		x.Now = append(x.Now, "access to {volume} at the array was taken away, and is given back at the end")
		x.DoNot = append(x.DoNot, "give anybody access to {volume} at the array by hand: the operation gives back what was there")
	}
	if r.touched(stepDetach) && r.stateOf(stepAttach) != inventory.StepDone && r.p.Attachment != nil && r.p.Attachment.Attached {
		x.Now = append(x.Now, "{host} was made to let go of {volume}: the machine that uses it is without this disk "+
			"until it is given back")
		x.DoNot = append(x.DoNot, "attach {volume} by hand, to {host} or to any other: the operation attaches it, and two hosts that "+
			"write to one volume destroy what is on it")
	}
}

func explainClone(r *run, x *Explanation) {
	x.Safe = append(x.Safe, "using the volume that {snapshot} is of: the clone does not touch it")
	x.Now = append(x.Now, "{snapshot} cannot be deleted until the operation has ended")
	if !r.touched(stepClone) {
		x.Now = append(x.Now, "the array has nothing of the clone")
		return
	}
	x.Now = append(x.Now, "the array may have {volume}, whole or half")
	x.DoNot = append(x.DoNot, "use {volume} before the operation has succeeded: it may still be copied, or be discarded",
		"show {volume} to a host by hand: unless it is given an identity of its own, it is taken for its source")
}

func explainSplit(_ *run, x *Explanation) {
	x.Now = append(x.Now, "{volume} is in use as ever; it may still share data with {snapshot}")
	x.Safe = append(x.Safe, "using {volume}: its machine runs on")
	x.DoNot = append(x.DoNot, "delete {snapshot} at the array: {volume} may still need it")
}

func explainKeeping(_ *run, x *Explanation) {
	x.Now = append(x.Now, "{volume} is in use as ever; when the array deletes {snapshot} by itself may have changed or not")
	x.Safe = append(x.Safe, "using {volume}: its machine runs on")
	x.DoNot = append(x.DoNot, "change the expiry of {snapshot} at the array by hand: the operation sets it")
}

func explainImport(_ *run, x *Explanation) {
	x.Now = append(x.Now, "only records are written; nothing is touched at the array")
	x.Safe = append(x.Safe, "using the volume: its machine runs on")
}

func explainDeleteVolume(r *run, x *Explanation) {
	switch {
	case r.touched(stepDeleteVolume):
		x.Now = append(x.Now, "nobody knows whether the array still has {volume}")
	case r.deleting():
		x.Now = append(x.Now, "snapshots of {volume} were deleted, or are being; the array still has the volume")
	default:
		x.Now = append(x.Now, "the array still has {volume} and its snapshots")
	}
	x.DoNot = append(x.DoNot, "use {volume}: it is about to go, or to be given back")
	r.explainLetGo(x)
}
