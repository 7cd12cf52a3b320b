package crashtest_test

import (
	"context"

	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// scene is one operation, and what the site is when it has succeeded.
type scene struct {
	act   func(ctx context.Context, eng *engine.Engine, k known) error
	after string
}

// before is what every site is at first. The contents are numbered: the disk had 1, then 2, and has 3; two foreign
// snapshots of another image are not in the inventory.
const before = `
file bare 7
file disk 3
file other 5
kept disk one 1
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
volume bare
volume disk head two
	one 1
	two 2 below one
`

// scenes are played by every process: the child that acts one finds it by its name.
func scenes() map[string]scene {
	return map[string]scene{
		"create":                {act: actCreate, after: afterCreate},
		"delete":                {act: actDelete, after: afterDelete},
		"revert":                {act: actRevert(false), after: afterRevert},
		"revert, keep current":  {act: actRevert(true), after: afterRevertKeep},
		"clone":                 {act: actClone, after: afterClone},
		"import":                {act: actImport, after: afterImport},
		"forget":                {act: actForget, after: afterForget},
		"delete volume, refuse": {act: actDeleteVolume(engine.SnapshotsRefuse), after: afterDeleteRefuse},
		"delete volume, keep":   {act: actDeleteVolume(engine.SnapshotsKeep), after: afterDeleteKeep},
		"delete volume, delete": {act: actDeleteVolume(engine.SnapshotsDelete), after: afterDeleteDelete},
	}
}

func actCreate(ctx context.Context, eng *engine.Engine, k known) error {
	_, err := eng.Create(ctx, engine.CreateRequest{Common: k.common(), Volume: k.Disk, Name: "new"})
	return err
}

const afterCreate = `
file bare 7
file disk 3
file other 5
kept disk new 3
kept disk one 1
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
volume bare
volume disk head new
	new 3 below two
	one 1
	two 2 below one
`

func actDelete(ctx context.Context, eng *engine.Engine, k known) error {
	return eng.Delete(ctx, engine.DeleteRequest{Common: k.common(), Snapshot: k.One})
}

const afterDelete = `
file bare 7
file disk 3
file other 5
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
volume bare
volume disk head two
	two 2
`

func actRevert(keep bool) func(context.Context, *engine.Engine, known) error {
	return func(ctx context.Context, eng *engine.Engine, k known) error {
		req := engine.RevertRequest{Common: k.common(), Volume: k.Disk, Snapshot: k.One}
		if keep {
			req.KeepCurrent, req.KeepName = true, "kept"
		}
		_, err := eng.Revert(ctx, req)
		return err
	}
}

const afterRevert = `
file bare 7
file disk 1
file other 5
kept disk one 1
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
volume bare
volume disk head one
	one 1
	two 2 below one
`

const afterRevertKeep = `
file bare 7
file disk 1
file other 5
kept disk kept 3
kept disk one 1
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
volume bare
volume disk head one
	kept 3 below two
	one 1
	two 2 below one
`

func actClone(ctx context.Context, eng *engine.Engine, k known) error {
	_, err := eng.Clone(ctx, engine.CloneRequest{Common: k.common(), Snapshot: k.One, Name: "copy"})
	return err
}

const afterClone = `
file bare 7
file copy 1
file disk 3
file other 5
kept disk one 1
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
made copy
volume bare
volume copy from one
volume disk head two
	one 1
	two 2 below one
`

func actImport(ctx context.Context, eng *engine.Engine, k known) error {
	_, err := eng.Import(ctx, engine.ImportRequest{Common: k.common(), Backend: "folder", Native: "other"})
	return err
}

const afterImport = before + `volume other head foreign-b
	foreign-a 5
	foreign-b 5 below foreign-a
`

func actForget(ctx context.Context, eng *engine.Engine, k known) error {
	return eng.Forget(ctx, engine.ForgetRequest{Common: k.common(), Volume: k.Disk})
}

const afterForget = `
file bare 7
file disk 3
file other 5
kept disk one 1
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
volume bare
`

func actDeleteVolume(policy engine.SnapshotsPolicy) func(context.Context, *engine.Engine, known) error {
	return func(ctx context.Context, eng *engine.Engine, k known) error {
		volume := k.Disk
		if policy == engine.SnapshotsRefuse {
			volume = k.Bare
		}
		return eng.DeleteVolume(ctx, engine.DeleteVolumeRequest{Common: k.common(), Volume: volume, Snapshots: policy})
	}
}

const afterDeleteRefuse = `
file disk 3
file other 5
kept disk one 1
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
volume disk head two
	one 1
	two 2 below one
`

const afterDeleteKeep = `
file bare 7
file other 5
kept disk one 1
kept disk two 2
kept other foreign-a 5
kept other foreign-b 5
volume bare
volume disk gone, head two
	one 1
	two 2 below one
`

const afterDeleteDelete = `
file bare 7
file other 5
kept other foreign-a 5
kept other foreign-b 5
volume bare
`
