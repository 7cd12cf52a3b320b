package snapshot_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/storagesnap/storagesnap/snapshot"
)

// exampleDay is when the story of the examples begins.
var exampleDay = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// exampleID makes ids that are the same in every run; a program uses snapshot.NewID.
func exampleID(n int) snapshot.ID {
	id, err := snapshot.ParseID[snapshot.ID](fmt.Sprintf("019c0000-0000-7000-8000-%012x", n))
	if err != nil {
		panic(err)
	}
	return id
}

// exampleTree is an empty tree with a function that takes a snapshot a day.
func exampleTree() (*snapshot.Tree, func(name string) snapshot.ID) {
	volume := snapshot.VolumeID(exampleID(0xd15c))
	tree, err := snapshot.NewTree(volume, snapshot.Head{}, nil)
	if err != nil {
		panic(err)
	}
	return tree, func(name string) snapshot.ID {
		day := tree.Len()
		s, err := tree.Create(snapshot.Snapshot{
			ID: exampleID(0xa0 + day), Volume: volume, Name: name, State: snapshot.Ready, Size: 20 << 30,
			CreatedAt: exampleDay.AddDate(0, 0, day), Consistency: snapshot.CrashConsistent,
		})
		if err != nil {
			panic(err)
		}
		return s.ID
	}
}

// Two attempts at an upgrade fail and are rolled back; the disk goes on from the snapshot before them.
func Example() {
	tree, create := exampleTree()
	create("golden image")
	before := create("before upgrade")
	create("upgrade, first try")
	create("database converted")
	_ = tree.Revert(before)
	create("upgrade, second try")
	_ = tree.Revert(before)
	create("night of 7 March")
	create("night of 8 March")

	fmt.Print(tree.Text(snapshot.TextOptions{Now: exampleDay.AddDate(0, 0, 8)}))
	// Output:
	// volume 019c0000-0000-7000-8000-00000000d15c: 7 snapshots
	// ○ golden image           000000a0    8d ago    20 GiB  ready
	// ○ before upgrade         000000a1    7d ago    20 GiB  ready
	// ├─○ upgrade, first try   000000a2    6d ago    20 GiB  ready
	// │ ○ database converted   000000a3    5d ago    20 GiB  ready
	// ├─○ upgrade, second try  000000a4    4d ago    20 GiB  ready
	// ○ night of 7 March       000000a5    3d ago    20 GiB  ready
	// ○ night of 8 March       000000a6    2d ago    20 GiB  ready
	// ● now (content descends from night of 8 March)
}

// After a revert the content descends from the snapshot that it went back to, whatever was made after that.
func ExampleTree_Revert() {
	tree, create := exampleTree()
	first := create("first")
	create("second")
	_ = tree.Revert(first)

	fmt.Print(tree)
	// Output:
	// volume 019c0000-0000-7000-8000-00000000d15c: 2 snapshots
	// ○ first     000000a0  2026-03-02 09:00    20 GiB  ready
	// ├─○ second  000000a1  2026-03-03 09:00    20 GiB  ready
	// ● now (content descends from first)
}

// The children of a deleted snapshot move up to its parent.
func ExampleTree_Delete() {
	tree, create := exampleTree()
	create("first")
	second := create("second")
	create("third")

	moved, _ := tree.Delete(second)
	for _, id := range moved {
		s, _ := tree.Get(id)
		parent, _ := tree.Get(s.Parent)
		fmt.Printf("%s is now a child of %s\n", s.Name, parent.Name)
	}
	// Output:
	// third is now a child of first
}

// Snapshots that somebody else made are chained by the time of their content.
func ExampleTree_Import() {
	tree, create := exampleTree()
	create("ours")
	foreign := []snapshot.Snapshot{
		{ID: exampleID(0xb2), Name: "theirs, newer", TakenAt: exampleDay.AddDate(0, 0, -1)},
		{ID: exampleID(0xb1), Name: "theirs, older", TakenAt: exampleDay.AddDate(0, 0, -2)},
	}
	for i := range foreign {
		foreign[i].Volume, foreign[i].State, foreign[i].Size = tree.Volume(), snapshot.Ready, 16<<30
		foreign[i].CreatedAt = foreign[i].TakenAt
	}
	_, _ = tree.Import(foreign)

	fmt.Print(tree.Text(snapshot.TextOptions{ASCII: true}))
	// Output:
	// volume 019c0000-0000-7000-8000-00000000d15c: 3 snapshots
	// o theirs, older  000000b1  2026-02-28 09:00    16 GiB  ready, parent assumed
	// o theirs, newer  000000b2  2026-03-01 09:00    16 GiB  ready, parent assumed
	//
	// o ours           000000a0  2026-03-02 09:00    20 GiB  ready
	// * now (content descends from ours)
}

func ExampleTree_CommonAncestor() {
	tree, create := exampleTree()
	base := create("base")
	left := create("left")
	_ = tree.Revert(base)
	right := create("right")

	common, _ := tree.Get(tree.CommonAncestor(left, right))
	fmt.Println(common.Name)
	for _, s := range tree.Path(right) {
		fmt.Print("/", s.Name)
	}
	// Output:
	// base
	// /base/right
}

func ExampleTree_Walk() {
	tree, create := exampleTree()
	create("base")
	create("monday")
	_, _ = create("tuesday"), tree.Revert(exampleID(0xa0))
	create("wednesday")

	for depth, s := range tree.Walk() {
		fmt.Printf("%*s%s\n", 2*depth, "", s.Name)
	}
	// Output:
	// base
	//   monday
	//     tuesday
	//   wednesday
}

func ExampleTree_MarshalJSON() {
	tree, create := exampleTree()
	create("first")

	text, _ := json.MarshalIndent(tree, "", "  ")
	fmt.Println(string(text))
	// Output:
	// {
	//   "version": 1,
	//   "volume": "019c0000-0000-7000-8000-00000000d15c",
	//   "head": "019c0000-0000-7000-8000-0000000000a0",
	//   "snapshots": [
	//     {
	//       "id": "019c0000-0000-7000-8000-0000000000a0",
	//       "volume": "019c0000-0000-7000-8000-00000000d15c",
	//       "name": "first",
	//       "state": "ready",
	//       "created_at": "2026-03-02T09:00:00Z",
	//       "size": 21474836480,
	//       "lineage": "recorded",
	//       "consistency": "crash",
	//       "version": 0
	//     }
	//   ]
	// }
}
