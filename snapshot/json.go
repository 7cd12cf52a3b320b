package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

var (
	_ json.Marshaler   = (*Tree)(nil)
	_ json.Unmarshaler = (*Tree)(nil)
)

// TreeVersion is the version of the JSON form of a tree that this package writes, and the only one that it reads.
const TreeVersion = 1

// document is a tree in JSON. Snapshots are written in the order of [Tree.Walk] and read in any.
type document struct {
	Version int      `json:"version"`
	Volume  VolumeID `json:"volume"`
	Head
	Snapshots []Snapshot `json:"snapshots"`
}

// MarshalJSON writes the tree as one object:
//
//	{"version":1, "volume":"…", "head":"…", "snapshots":[…]}
//
// "head" is left out when it is none; "head_unknown":true stands in its place when nobody knows. Equal trees give
// the same text, as far as their times are written in the same zone. An error names a record that JSON cannot hold,
// for a time outside of the years 0 to 9999.
func (t *Tree) MarshalJSON() ([]byte, error) {
	doc, err := json.Marshal(document{Version: TreeVersion, Volume: t.volume, Head: t.head, Snapshots: []Snapshot{}})
	if err != nil {
		return nil, fmt.Errorf("tree of volume %s: %w", t.volume, err)
	}
	// The records go between the brackets of the empty list, one by one: a million of them are not copied first.
	doc = bytes.TrimSuffix(doc, []byte("]}"))
	for _, i := range t.nodes.below(0) {
		record, err := json.Marshal(t.nodes.at(i))
		if err != nil {
			return nil, t.invalid(t.nodes.at(i), "it cannot be written as JSON: %v", err)
		}
		doc = append(append(doc, record...), ',')
	}
	return append(bytes.TrimSuffix(doc, []byte(",")), "]}"...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote and makes t that tree; after an error, t is unchanged. It is strict: another
// version, an unknown, repeated or differently written field, data behind the object, and whatever [NewTree]
// refuses, is an ErrInvalid that says what and where.
func (t *Tree) UnmarshalJSON(data []byte) error {
	var doc document
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		return fmt.Errorf("tree in JSON: %w: %w", ErrInvalid, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("tree in JSON: data behind the object: %w", ErrInvalid)
	}
	switch {
	case doc.Version != TreeVersion:
		return fmt.Errorf("tree in JSON: version %d, this program reads version %d: %w", doc.Version, TreeVersion, ErrInvalid)
	case doc.Snapshots == nil:
		return fmt.Errorf(`tree in JSON: no list "snapshots": %w`, ErrInvalid)
	}
	if err := checkKeys(data); err != nil {
		return err
	}
	read, err := NewTree(doc.Volume, doc.Head, doc.Snapshots)
	if err != nil {
		return fmt.Errorf("tree in JSON: %w", err)
	}
	*t = *read
	return nil
}
