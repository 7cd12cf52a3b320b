package local

import (
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

// recover finishes or undoes, under the volume's lock, what dead calls have begun. The lock proves that they are dead.
func (v *volume) recover() error {
	if there, err := v.isDir(v.dir); !there || err != nil {
		return err
	}
	if err := v.recoverClaim(); err != nil {
		return err
	}
	return v.sweep()
}

// recoverClaim decides what became of a volume that was being made. Its content had two names from the moment when it was
// published until the claim became final; with one name only, nobody has seen it.
func (v *volume) recoverClaim() error {
	claimed, err := v.exists(v.file(claimFile))
	if !claimed || err != nil {
		return err
	}
	published, err := v.sameFile(v.file(newImage), string(v.id))
	if err != nil {
		return err
	}
	if published {
		return v.settleClaim()
	}
	if err := v.remove(v.file(newImage)); err != nil {
		return err
	}
	return v.remove(v.file(claimFile))
}

// settleClaim makes a published volume's claim final.
func (v *volume) settleClaim() error {
	if err := v.rename(v.file(claimFile), v.file(volumeFile)); err != nil {
		return err
	}
	if err := v.syncDir(v.dir); err != nil {
		return err
	}
	return v.remove(v.file(newImage))
}

// recoverRevert takes a revert that did not happen off the list of those that were applied.
func (v *volume) recoverRevert() (reverts, error) {
	list, err := readReverts(v.tree, v.dir)
	if err != nil || len(list.Applied) == 0 {
		return list, err
	}
	last := len(list.Applied) - 1
	prepared := v.prepared(list.Applied[last].Token)
	waiting, err := v.exists(prepared)
	if !waiting || err != nil {
		return list, err
	}
	list.Applied = list.Applied[:last]
	if err := v.writeReverts(list); err != nil {
		return list, err
	}
	return list, v.remove(prepared)
}

// sweep removes what dead calls have left and nobody can need. A file that cannot be removed does no harm.
func (v *volume) sweep() error {
	names := map[string]bool{}
	err := v.list(v.dir, func(e fs.DirEntry) bool {
		names[e.Name()] = true
		return true
	})
	if err != nil {
		return err
	}
	for name := range names {
		if !v.leftover(name, names) {
			continue
		}
		err := v.remove(v.file(name))
		v.env.Log().Warn("removed what an interrupted call has left",
			slog.String("file", v.at(v.file(name))), slog.Any("error", err))
	}
	return nil
}

// leftover reports whether the file belongs to nothing. Files that are none of ours are not touched.
func (v *volume) leftover(name string, all map[string]bool) bool {
	if strings.HasSuffix(name, tempSuffix) {
		return true
	}
	if name == newImage {
		return !all[claimFile]
	}
	if token, ok := tokenOf(name, imageSuffix); ok {
		return !all[string(token)+recordSuffix]
	}
	if token, ok := tokenOf(name, recordSuffix); ok {
		return !all[string(token)+imageSuffix]
	}
	if token, ok := tokenOf(name, revertSuffix); ok {
		// A listed one tells that its revert did not happen.
		list, err := readReverts(v.tree, v.dir)
		_, listed := list.find(token)
		return err == nil && !listed
	}
	return false
}

// forget removes the state folder if there is nothing in it.
func (v *volume) forget() {
	if err := v.root.Remove(v.dir); err == nil {
		_ = v.syncDir(volumesDir)
	}
}

// sameFile reports whether both names lead to one file.
func (t *tree) sameFile(a, b string) (bool, error) {
	one, err := t.root.Lstat(a)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	other, err := t.root.Lstat(b)
	if absent(err) {
		return false, nil
	}
	return err == nil && os.SameFile(one, other), err
}

// sweepAll sweeps every volume that nobody is changing. What fails is logged: it fails again where it matters.
func (t *tree) sweepAll() {
	err := t.list(volumesDir, func(e fs.DirEntry) bool {
		// Looking first, without the lock, keeps out of the way of those who are at work.
		if e.IsDir() && checkName(driver.VolumeID(e.Name())) == nil && t.leftovers(e.Name()) > 0 {
			t.sweepOne(e.Name())
		}
		return true
	})
	if err != nil {
		t.env.Log().Warn("cannot look for leftovers", slog.Any("error", err))
	}
}

// leftovers counts what sweepOne would have to look at. An empty folder is one.
func (t *tree) leftovers(name string) int {
	v := &volume{tree: t, id: driver.VolumeID(name), dir: volumeDir(name)}
	names := map[string]bool{}
	_ = v.list(v.dir, func(e fs.DirEntry) bool { // what has just gone is not left
		names[e.Name()] = true
		return true
	})
	if len(names) == 0 {
		return 1
	}
	count := 0
	for name := range names {
		if v.leftover(name, names) || name == claimFile || strings.HasSuffix(name, revertSuffix) {
			count++
		}
	}
	return count
}

func (t *tree) sweepOne(name string) {
	l, err := t.tryLock(name)
	if err != nil {
		return // whoever holds it sweeps by itself
	}
	defer l.release()
	v := &volume{tree: t, id: driver.VolumeID(name), dir: volumeDir(name), held: l}
	err = v.recover()
	if err == nil {
		_, err = v.recoverRevert()
	}
	if err != nil {
		t.env.Log().Warn("cannot tidy up after an interrupted call", slog.String("volume", name), slog.Any("error", err))
		return
	}
	v.forget()
}
