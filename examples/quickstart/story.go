package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// story is the main job, told on one volume.
type story struct {
	*shop
	*report

	dir    string
	volID  snapshot.VolumeID
	source string // the checksum of the image that the user gave
	round  uint64 // makes the changes of each run differ
}

func tell(ctx context.Context, opts options, source string, r *report) (err error) {
	t := &story{report: r, dir: opts.dir}
	if t.source, err = sum(source); err != nil {
		return fmt.Errorf("the image: %w", err)
	}
	if t.shop, err = open(ctx, opts.dir, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	first, err := t.begin(ctx, source)
	if err != nil {
		return err
	}
	if err := t.branches(ctx, first); err != nil {
		return err
	}
	if err := t.crash(ctx); err != nil {
		return err
	}
	if err := t.verifyAll(ctx); err != nil {
		return err
	}
	return t.end(ctx, first)
}

// begin imports the image, or finds it from an earlier run, and returns the snapshot of its first content.
func (t *story) begin(ctx context.Context, source string) (snapshot.Snapshot, error) {
	vol, found, err := t.volume(ctx, source)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	t.volID = vol.ID
	if err := t.eng.Idle(ctx); err != nil { // what an earlier run may have left
		return snapshot.Snapshot{}, err
	}
	t.round = rand.Uint64N(1 << 60) //nolint:gosec // what a demonstration writes over its own copy
	if !found {
		if err := t.show(ctx, fmt.Sprintf("imported a copy of %s as volume %s", source, vol.ID)); err != nil {
			return snapshot.Snapshot{}, err
		}
		return t.snap(ctx, "first")
	}
	for s, err := range t.inv.Snapshots(ctx, inventory.SnapshotQuery{Volume: vol.ID, Name: "first"}) {
		switch {
		case err != nil:
			return s, err
		case s.Labels["sha256"] != t.source:
			return s, fmt.Errorf("%s belongs to another image, with checksum %s; give that one, or another -dir",
				t.dir, s.Labels["sha256"])
		}
		return s, t.show(ctx, "went on with volume "+vol.ID.String()+" from an earlier run")
	}
	return t.snap(ctx, "first") // the earlier run ended before it
}

// branches: snapshots with changes between them, a revert, a branch, a clone, and the deletion of an inner node.
func (t *story) branches(ctx context.Context, first snapshot.Snapshot) error {
	second, err := t.change(ctx, "second")
	if err != nil {
		return err
	}
	third, err := t.change(ctx, "third")
	if err != nil {
		return err
	}
	if err := t.revert(ctx, second, "before the revert"); err != nil {
		return err
	}
	if _, err := t.change(ctx, "a branch of second"); err != nil {
		return err
	}
	if err := t.clone(ctx, third); err != nil {
		return err
	}
	if err := t.eng.Delete(ctx, engine.DeleteRequest{Snapshot: second.ID}); err != nil {
		return err
	}
	return t.show(ctx, fmt.Sprintf("deleted the inner snapshot %q: its children moved up to %q", second.Name, first.Name))
}

// crash: a process is killed in the middle of a snapshot, and the next one recovers.
func (t *story) crash(ctx context.Context) error {
	if err := scribble(t.image(), t.round^99); err != nil {
		return err
	}
	if err := t.close(); err != nil {
		return err
	}
	if err := killChild(ctx, t.dir, "made by a killed process"); err != nil {
		return err
	}
	again, err := open(ctx, t.dir, nil)
	if err != nil {
		return err
	}
	t.shop = again
	return t.recovered(ctx)
}

func (t *story) recovered(ctx context.Context) error {
	var last inventory.Operation
	for op, err := range t.inv.Operations(ctx, inventory.OperationQuery{Volume: t.volID}) {
		if err != nil {
			return err
		}
		last = op
	}
	op, err := t.eng.Wait(ctx, last.ID)
	if err != nil {
		return fmt.Errorf("the recovery: %w", err)
	}
	return t.show(ctx, "a process was killed after the backend had made its snapshot and before the inventory knew",
		fmt.Sprintf("operation %s: take-over %d found it by its token and ended it as %s", op.ID, op.Epoch-1, op.State))
}

// verifyAll clones every snapshot of the tree and compares its content with the checksum that was taken with it.
func (t *story) verifyAll(ctx context.Context) error {
	rows, err := t.eng.Snapshots(ctx, t.volID)
	if err != nil {
		return err
	}
	for _, s := range rows {
		clone, err := t.eng.Clone(ctx, engine.CloneRequest{Snapshot: s.ID, Name: "verify"})
		if err != nil {
			return err
		}
		if err := t.expect(t.path(clone), s.Labels["sha256"], fmt.Sprintf("snapshot %q", s.Name)); err != nil {
			return err
		}
		if err := t.eng.DeleteVolume(ctx, engine.DeleteVolumeRequest{Volume: clone.ID}); err != nil {
			return err
		}
	}
	return t.step(step{Did: fmt.Sprintf("cloned each of the %d snapshots: every content is what it was", len(rows))})
}

// end leaves the volume as it was at first.
func (t *story) end(ctx context.Context, first snapshot.Snapshot) error {
	if _, err := t.eng.Revert(ctx, engine.RevertRequest{Volume: t.volID, Snapshot: first.ID}); err != nil {
		return err
	}
	image := t.image()
	if err := t.expect(image, t.source, "the image after the last revert"); err != nil {
		return err
	}
	if err := t.show(ctx, fmt.Sprintf("reverted to %q: the image is again what it was", first.Name)); err != nil {
		return err
	}
	if t.json {
		return t.step(step{Did: "done", Image: image, SHA256: t.source})
	}
	_, err := fmt.Fprintf(t.out, "\n%s\nsha256 %s\n", image, t.source)
	return err
}

// change scribbles over the image and takes a snapshot.
func (t *story) change(ctx context.Context, name string) (snapshot.Snapshot, error) {
	t.round++
	if err := scribble(t.image(), t.round); err != nil {
		return snapshot.Snapshot{}, err
	}
	return t.snap(ctx, name)
}

func (t *story) snap(ctx context.Context, name string) (snapshot.Snapshot, error) {
	digest, err := sum(t.image())
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	s, err := t.eng.Create(ctx, engine.CreateRequest{Volume: t.volID, Name: name, Labels: map[string]string{"sha256": digest}})
	if err != nil {
		return s, err
	}
	return s, t.show(ctx, fmt.Sprintf("took snapshot %q", name))
}

// revert goes back to a snapshot and keeps the content now as a snapshot of its own.
func (t *story) revert(ctx context.Context, to snapshot.Snapshot, keep string) error {
	t.round++
	if err := scribble(t.image(), t.round); err != nil {
		return err
	}
	digest, err := sum(t.image())
	if err != nil {
		return err
	}
	_, err = t.eng.Revert(ctx, engine.RevertRequest{
		Volume: t.volID, Snapshot: to.ID, KeepCurrent: true, KeepName: keep, KeepLabels: map[string]string{"sha256": digest},
	})
	if err != nil {
		return err
	}
	if err := t.expect(t.image(), to.Labels["sha256"], "the image after the revert"); err != nil {
		return err
	}
	return t.show(ctx, fmt.Sprintf("changed bytes, then reverted to %q and kept the changed content as %q", to.Name, keep))
}

func (t *story) clone(ctx context.Context, of snapshot.Snapshot) error {
	clone, err := t.eng.Clone(ctx, engine.CloneRequest{Snapshot: of.ID, Name: "clone"})
	if err != nil {
		return err
	}
	if err := t.expect(t.path(clone), of.Labels["sha256"], "the clone"); err != nil {
		return err
	}
	if err := scribble(t.path(clone), t.round); err != nil {
		return err
	}
	if err := t.eng.DeleteVolume(ctx, engine.DeleteVolumeRequest{Volume: clone.ID}); err != nil {
		return err
	}
	return t.show(ctx, fmt.Sprintf("cloned %q, found its content in %s, wrote to the clone and deleted it", of.Name, clone.Native))
}

// show prints a step with the tree and the content as they are.
func (t *story) show(ctx context.Context, did string, notes ...string) error {
	tree, err := t.eng.Tree(ctx, t.volID)
	if err != nil {
		return err
	}
	digest, err := sum(t.image())
	if err != nil {
		return err
	}
	text := ""
	if tree.Len() > 0 {
		text = tree.Text(snapshot.TextOptions{Now: time.Now()})
	}
	return t.step(step{Did: did, Notes: notes, SHA256: digest, Tree: text})
}

// expect compares a file's content with the checksum that it should have.
func (t *story) expect(path, want, what string) error {
	got, err := sum(path)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s is wrong: %s has sha256 %s, want %s", what, path, got, want)
	}
	return nil
}

// path is where an image of the backend is.
func (s *shop) path(v inventory.Volume) string { return filepath.Join(s.images, string(v.Native)) }

// image is where the volume's image is.
func (t *story) image() string { return filepath.Join(t.images, "disk.raw") }
