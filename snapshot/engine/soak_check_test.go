package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// look is what the oracle found when everything had come to rest.
type look struct {
	*oracle

	volumes map[place]inventory.Volume // by every id that they have or had
	rows    map[snapshot.VolumeID][]snapshot.Snapshot
	stuck   map[snapshot.VolumeID]bool // waiting for a person
}

// check compares the inventory, the arrays and the hosts with each other and with what was done.
func (o *oracle) check() {
	l := &look{
		oracle: o, volumes: make(map[place]inventory.Volume), rows: make(map[snapshot.VolumeID][]snapshot.Snapshot),
		stuck: make(map[snapshot.VolumeID]bool),
	}
	l.operations()
	l.inventory()
	for _, st := range o.s.sites {
		l.array(st)
		if st.host != nil {
			l.host(st)
		}
	}
	l.acknowledged()
	l.audit()
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.asserted)
	for id := range l.stuck {
		o.asserted[id] = true
	}
}

// operations reads what has ended since, and compares the ends with what the arrays did.
func (l *look) operations() {
	t := l.s.t
	q := inventory.OperationQuery{Page: inventory.Page[int64]{After: l.seen}}
	for op, err := range l.s.inv.Operations(context.Background(), q) {
		require.NoError(t, err)
		l.seen = op.Seq
		if op.State.Open() {
			for _, id := range op.Volumes {
				l.stuck[id] = true
			}
			continue
		}
		var detail struct {
			Token driver.Token `json:"token"`
		}
		if len(op.Detail) > 0 {
			require.NoError(t, json.Unmarshal(op.Detail, &detail))
		}
		if op.Kind != "revert" || detail.Token == "" {
			continue
		}
		done := l.reverts[detail.Token] != nil
		if done != (op.State == inventory.Succeeded) {
			t.Errorf("revert %s is %s, rolled back at the array: %v (%s)", op.ID, op.State, done, op.Error)
		}
	}
	for op, err := range l.s.inv.Operations(context.Background(), inventory.OperationQuery{Open: true}) {
		require.NoError(t, err)
		for _, id := range op.Volumes {
			l.stuck[id] = true
		}
	}
}

// inventory: no row is left half-way, and every tree is what the contents say.
func (l *look) inventory() {
	t, ctx := l.s.t, context.Background()
	for s, err := range l.s.inv.Snapshots(ctx, inventory.SnapshotQuery{}) {
		require.NoError(t, err)
		l.rows[s.Volume] = append(l.rows[s.Volume], s)
	}
	for v, err := range l.s.inv.Volumes(ctx, inventory.VolumeQuery{}) {
		require.NoError(t, err)
		for _, n := range append(slices.Clone(v.Former), v.Native) {
			if other, taken := l.volumes[place{v.Backend, n}]; taken && n != "" && other.DeletedAt.IsZero() && v.DeletedAt.IsZero() {
				t.Errorf("volumes %s and %s are both %s at %s", v.ID, other.ID, n, v.Backend)
			}
			l.volumes[place{v.Backend, n}] = v
		}
		if l.stuck[v.ID] {
			continue
		}
		if !v.Pending.IsZero() {
			t.Errorf("volume %s is busy with operation %s, which is not open", v.ID, v.Pending)
		}
		before := t.Failed()
		if l.tree(v); t.Failed() && !before {
			l.history(v)
		}
	}
}

// history tells all that was done to a volume.
func (l *look) history(v inventory.Volume) {
	for op, err := range l.s.inv.Operations(context.Background(), inventory.OperationQuery{Volume: v.ID}) {
		require.NoError(l.s.t, err)
		l.s.t.Logf("%s to %s: %s %s %s %s %s", op.CreatedAt.Format("15:04:05.000"), op.UpdatedAt.Format("15:04:05.000"),
			op.Kind, op.State, op.Args, op.Result, op.Error)
	}
	for _, s := range l.rows[v.ID] {
		l.s.t.Logf("%s below %q, taken %s, asked for %s, %s", s.ID, s.Parent, s.TakenAt.Format("15:04:05.000"),
			s.CreatedAt.Format("15:04:05.000"), s.Token)
	}
}

// tree compares a volume's tree with what the contents say.
func (l *look) tree(v inventory.Volume) {
	t := l.s.t
	tree, err := l.s.procs[0].life().Tree(context.Background(), v.ID)
	if err != nil {
		t.Errorf("tree of volume %s: %v", v.ID, err)
		return
	}
	require.NoError(t, tree.Validate())
	st := l.s.site(v.Backend)
	values := make(map[snapshot.ID]uint64)
	for _, s := range l.rows[v.ID] {
		if s.State != snapshot.Ready || len(s.Pins) > 0 {
			t.Errorf("snapshot %s of volume %s is left %s, with pins %v", s.ID, v.ID, s.State, s.Pins)
			continue
		}
		ref := driver.SnapshotRef{Volume: driver.VolumeID(s.NativeVolume), ID: s.Native, Token: driver.Token(s.Token)}
		p, err := st.array.SnapshotContent(ref)
		if err != nil && (s.Token == "" || !s.ExpiresAt.IsZero() && s.ExpiresAt.Before(time.Now())) {
			continue // made and removed by hand; or the array has removed what has expired
		}
		if err != nil {
			t.Errorf("%s: snapshot %s of volume %s is lost: %v", st.name, s.ID, v.ID, err)
			continue
		}
		value, whole := numberIn(p)
		if !whole {
			t.Errorf("snapshot %s has a mixture of contents", s.ID)
		}
		values[s.ID] = value
	}
	for _, s := range l.rows[v.ID] {
		if value, ok := values[s.ID]; ok && s.Lineage == snapshot.Recorded {
			l.descent(v, "snapshot "+s.ID.String(), value, s.ID, s.Parent, values)
		}
	}
	if !v.DeletedAt.IsZero() {
		return
	}
	value, whole := l.value(st, v.Native)
	if !whole {
		t.Errorf("%s: volume %s (%s) cannot be read, or has a mixture of contents", st.name, v.ID, v.Native)
		return
	}
	l.descent(v, "the head", value, snapshot.ID{}, v.Head, values)
}

// descent: content that descends from parent, and from none of the others that are nearer.
func (l *look) descent(
	v inventory.Volume, what string, value uint64, self, parent snapshot.ID, values map[snapshot.ID]uint64,
) {
	t, from := l.s.t, uint64(0)
	for _, s := range l.rows[v.ID] {
		if s.ID == parent && s.Lineage == snapshot.Assumed {
			return // only the time speaks for it
		}
	}
	if !parent.IsZero() {
		from = values[parent]
		if !l.descends(value, from) {
			t.Errorf("%s: %s of volume %s has content %d, which does not descend from %d of its parent %s",
				v.Backend, what, v.ID, value, from, parent)
			return
		}
	}
	for _, s := range l.rows[v.ID] {
		between, ok := values[s.ID]
		if !ok || s.ID == self || s.Lineage == snapshot.Assumed || between == value || between == from {
			continue
		}
		if l.isFirst(v.Backend, s, between) && l.descends(value, between) && l.descends(between, from) {
			t.Errorf("%s: %s of volume %s with content %d should be below snapshot %s (%d), not %q (%d)",
				v.Backend, what, v.ID, value, s.ID, between, parent, from)
		}
	}
}

// array: nothing that nobody knows of, no token twice, nothing that no engine may do.
func (l *look) array(st *site) {
	t := l.s.t
	for _, text := range st.array.Violations() {
		t.Errorf("%s: %s", st.name, text)
	}
	if n := st.array.Jobs(); n > 0 {
		t.Errorf("%s: %d clones are still being made", st.name, n)
	}
	known := make(map[string]bool)
	for _, rows := range l.rows {
		for _, s := range rows {
			known[s.NativeVolume+" "+s.Native] = true
		}
	}
	for _, s := range st.array.AllSnapshots() {
		p := place{st.name, s.Ref.Volume}
		if s.Ref.Token == "" || known[string(s.Ref.Volume)+" "+s.Ref.ID] || l.forgotten[p] || l.stuck[l.volumes[p].ID] {
			continue
		}
		t.Errorf("%s: snapshot %s (%s) of volume %s is an orphan; it was made by\n%s", st.name, s.Ref.ID, s.Ref.Token, s.Ref.Volume,
			l.maker(string(s.Ref.Token)))
		if v, ok := l.volumes[p]; ok {
			l.history(v)
		}
	}
	for _, native := range st.array.Volumes() {
		p := place{st.name, native}
		if _, ok := l.volumes[p]; !ok && !l.forgotten[p] {
			v, _ := st.array.Driver().Volume(context.Background(), native)
			t.Errorf("%s: volume %s is an orphan; it was made by\n%s", st.name, native, l.maker(string(v.Token)))
		}
		if st.array.Partial(native) && !l.stuck[l.volumes[p].ID] {
			t.Errorf("%s: volume %s is left in the middle of a revert", st.name, native)
		}
	}
	l.access(st)
}

// maker tells what is known of the operation that chose the token.
func (l *look) maker(token string) string {
	id := l.chose[token]
	op, ok := inventory.Operation{}, false
	for o, err := range l.s.inv.Operations(context.Background(), inventory.OperationQuery{}) {
		require.NoError(l.s.t, err)
		if o.ID.String() == id {
			op, ok = o, true
		}
	}
	return fmt.Sprintf("operation %s, there: %v: %s %s, epoch %d, %s %s\n%s\n%s", id, ok, op.Kind, op.State, op.Epoch, op.Error,
		op.Detail, l.s.diary.about(token), l.s.diary.about(id))
}

// access is as it was: nobody was locked out, nobody let in.
func (l *look) access(st *site) {
	if st.lacks("Access") {
		return
	}
	for p, v := range l.volumes {
		if p.site != st.name || p.native != v.Native || !v.DeletedAt.IsZero() || l.stuck[v.ID] {
			continue
		}
		want := []string{guestName}
		switch {
		case v.Host != "":
			want = nil
			for _, i := range st.host.Initiators() {
				want = append(want, i.Name)
			}
		case st.host != nil: // a clone that no host has
			continue
		case l.admit(p) && len(st.array.Access(v.Native)) == 0: // a clone that nobody has used yet
			_, err := st.array.Allow(v.Native, driver.Initiator{Protocol: "iscsi", Name: guestName})
			require.NoError(l.s.t, err)
		}
		if got := st.array.Access(v.Native); !slices.Equal(got, want) {
			l.s.t.Errorf("%s: volume %s (%s) is open to %q, not to %q", st.name, v.ID, v.Native, got, want)
		}
	}
}

// host: every volume is attached as it was, and shows what the array has; nothing else is attached.
func (l *look) host(st *site) {
	t := l.s.t
	for _, text := range st.host.Violations() {
		t.Errorf("host of %s: %s", st.name, text)
	}
	if frozen := st.host.Frozen(); len(frozen) > 0 {
		t.Errorf("host of %s: writes are still held by %v", st.name, frozen)
	}
	mine := make(map[driver.Disk]bool)
	for p, v := range l.volumes {
		if p.site != st.name || p.native != v.Native || v.Host == "" || !v.DeletedAt.IsZero() {
			continue
		}
		mine[v.Disk] = true
		if l.stuck[v.ID] {
			continue
		}
		if n := st.host.Attached(v.Disk); n != len(st.host.Initiators()) {
			t.Errorf("%s: volume %s (disk %q) is attached on %d members", st.name, v.ID, v.Disk, n)
			continue
		}
		seen := make([]byte, soakSize)
		require.NoError(t, st.host.ReadAt(v.Disk, seen, 0))
		got, _ := numberIn(seen)
		want, _ := l.value(st, v.Native)
		if got != want {
			t.Errorf("%s: the host sees content %d of volume %s, the array has %d", st.name, got, v.ID, want)
		}
	}
	l.mu.Lock()
	for _, req := range l.strays {
		a, err := st.host.Driver().Attachments(context.Background(), l.lun(st, req.Native))
		if err == nil && a.Known {
			mine[a.Disk] = true // it was attached before anybody managed it
		}
	}
	l.mu.Unlock()
	for _, disk := range st.host.Disks() {
		if !mine[disk] && st.host.Attached(disk) > 0 {
			t.Errorf("%s: disk %s is attached, but no volume has it", st.name, disk)
		}
	}
}

func (l *look) lun(st *site, native driver.VolumeID) driver.LUN {
	lun, err := st.array.LUN(native)
	if err != nil {
		return driver.LUN{Serial: "gone"}
	}
	return lun
}

// acknowledged: what an engine said that it made is there, unless a success has removed it since.
func (l *look) acknowledged() {
	t, ctx := l.s.t, context.Background()
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, verb := range l.made {
		var err error
		switch verb {
		case "create", "revert":
			err = l.snapshotThere(ctx, id)
		case "clone", "import", "split":
			var vol snapshot.VolumeID
			vol, err = snapshot.ParseID[snapshot.VolumeID](id)
			require.NoError(t, err)
			_, err = l.s.inv.Volume(ctx, vol)
		}
		if errors.Is(err, inventory.ErrNotFound) && !l.removed[id] && !l.removed[l.of[id]] && !l.stuckText(l.of[id]) {
			t.Errorf("%s made %s, which is lost", verb, id)
		}
		delete(l.made, id)
	}
}

// stuckText: an operation that waits has half of its work done.
func (l *look) stuckText(volume string) bool {
	id, err := snapshot.ParseID[snapshot.VolumeID](volume)
	return err == nil && l.stuck[id]
}

func (l *look) snapshotThere(ctx context.Context, id string) error {
	snap, err := snapshot.ParseID[snapshot.ID](id)
	require.NoError(l.s.t, err)
	_, err = l.s.inv.Snapshot(ctx, snap)
	return err
}

// audit: the engine's own audit finds nothing that the oracle does not know of.
func (l *look) audit() {
	report, err := l.s.procs[0].life().Audit(context.Background(), engine.AuditRequest{Grace: time.Nanosecond})
	require.NoError(l.s.t, err)
	for _, b := range report.Backends {
		require.Empty(l.s.t, b.Err)
		for _, f := range b.Findings {
			switch f.Kind {
			case engine.FindingOrphan, engine.FindingOrphanVolume:
				if l.forgotten[place{b.Name, f.NativeVolume}] {
					continue
				}
			case engine.FindingMissing, engine.FindingExpired:
				if f.Token == "" || !f.ExpiresAt.IsZero() {
					continue
				}
			case engine.FindingVolumeGone, engine.FindingNativeChanged, engine.FindingReappeared, engine.FindingStuck:
			default:
				continue
			}
			if !l.stuck[f.Volume] {
				l.s.t.Errorf("the audit of %s: %s: %+v", b.Name, f.Kind, f)
			}
		}
	}
}
