package engine

import (
	"context"
	"encoding/json"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// The names of the kinds of operations.
const (
	kindCreate       = "create"
	kindDelete       = "delete"
	kindRevert       = "revert"
	kindClone        = "clone"
	kindImport       = "import"
	kindForget       = "forget"
	kindDeleteVolume = "delete-volume"
)

// kind is one kind of operation: a list of steps with one pivot. Before the pivot an operation goes back when a step
// fails, undoing every step that may have been sent; after it, only forward. The executor is the same for all.
type kind struct {
	name string
	// format is the version of the journal's detail that this program writes and reads.
	format int
	decode func(args json.RawMessage) (Request, error)
	// locate returns the volumes to lock while the operation runs. It reads only.
	locate locator
	// prepare checks everything that can be checked before anything is touched, plans the steps and fills the detail; it
	// returns the intent. It may be called again when the inventory changed meanwhile.
	prepare func(ctx context.Context, r *run) (inventory.Change, error)
	// outcome returns the change that makes the success visible, and the result for the journal. It computes both from the
	// inventory as it is now, since metadata may change while the operation runs.
	outcome func(ctx context.Context, r *run) (inventory.Change, any, error)
	// failed returns the change that takes the intent back, after everything was undone.
	failed func(ctx context.Context, r *run) (inventory.Change, error)
	// abandon returns the change that ends the operation where it is, by what the journal knows; nil: there is no such end, since
	// it touches nothing that could not be undone. leaves tells what is left then, for the person who decides.
	abandon func(ctx context.Context, r *run) (inventory.Change, error)
	leaves  func(r *run) string
	// aim says in a few words what it is to do. explain adds, for a person, how things stand, what is safe and what is not.
	// It reads the journal only.
	aim     string
	explain func(r *run, x *Explanation)
	// steps are all that the kind may have; prepare chooses among them. The first one that is named in pivots is the
	// operation's pivot; if none is, the outcome is.
	steps  map[string]step
	pivots []string
	// ends is a sentence for a plan: what the outcome makes the inventory say. after, if not nil, completes what becomes of one
	// of its volumes, which is in focus; the head stays where it was unless after says otherwise.
	ends  func(r *run) string
	after func(r *run, intent inventory.Change, v *PlannedVolume)
	// touches, if not nil, says whether the operation changes volumes that are there; if not, their containers stay free.
	touches func(r *run) bool
	// goBack: taken up after a crash before the pivot, the operation goes back instead of on.
	goBack bool
}

// locator finds the volumes of a request.
type locator func(ctx context.Context, e *Engine, req Request) ([]snapshot.VolumeID, error)

// step is one call of a driver or host with its undo.
type step struct {
	// do makes the effect; it converges when called again with Resume.
	do func(ctx context.Context, r *run, at driver.Attempt) error
	// undo takes back whatever do may have done, also if it was sent without a reply. nil: there is nothing to take back.
	undo func(ctx context.Context, r *run, at driver.Attempt) error
	// find, for a pivot, tells conclusively whether the effect took place.
	find func(ctx context.Context, r *run, at driver.Attempt) (bool, error)
	// repeat, for a pivot: an unknown outcome is resolved by doing it again, else by find.
	repeat bool
	// late: an earlier send whose reply was lost may still change something after a later one was answered, so what follows
	// waits until that is over. (What is made under a token is made once, whichever send arrives.)
	late bool
	// read: it changes nothing, so it is not journaled before it is sent.
	read bool
	// assume, for a pivot, writes into the journal what a person's word that it took place tells; false if a word is not
	// enough. nil: it never is. It does no I/O.
	assume func(r *run) bool
	// several: it has several effects, so no word can say that none took place.
	several bool
	// say is what the step means, for a person.
	say say
	// tell is what a plan says of it: what it does, its undo, and the calls that do sends if nothing goes wrong. Every step
	// has one; prepare has filled the detail.
	tell func(r *run) PlannedStep
}

// kinds is the table of all kinds.
func kinds() map[string]*kind {
	table, words := make(map[string]*kind), meanings()
	for _, k := range []*kind{
		createKind(), deleteKind(), revertKind(), cloneKind(), importKind(), forgetKind(), deleteVolumeKind(),
		holdKind(), releaseKind(), setExpiryKind(), editKind(), editVolumeKind(),
		createGroupKind(), revertGroupKind(), deleteGroupKind(), splitKind(),
		adoptKind(), repairKind(), dropKind(),
	} {
		table[k.name] = k
		for name, st := range k.steps {
			if st.say == (say{}) {
				st.say = words[name]
				k.steps[name] = st
			}
		}
	}
	return table
}

// decodeAs reads the request of a kind back from the journal.
func decodeAs[R Request](args json.RawMessage) (Request, error) {
	var req R
	if err := json.Unmarshal(args, &req); err != nil {
		return nil, driver.Errorf(driver.ErrInvalid, "the journal's request cannot be read: %w", err)
	}
	return req, nil
}

// locateVolume locks the one volume that the request names.
func locateVolume[R Request](volume func(R) snapshot.VolumeID) locator {
	return func(_ context.Context, _ *Engine, req Request) ([]snapshot.VolumeID, error) {
		return []snapshot.VolumeID{volume(req.(R))}, nil //nolint:forcetypeassert,errcheck // the kind's own request
	}
}

// locateNothing is for operations that only make something new.
func locateNothing(context.Context, *Engine, Request) ([]snapshot.VolumeID, error) { return nil, nil }
