package inventorytest

import (
	"reflect"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// contents is everything that a store lists.
type contents struct {
	Volumes    []inventory.Volume
	Snapshots  []snapshot.Snapshot
	Operations []inventory.Operation
	Records    []inventory.Record
}

func (s *scene) contents() contents {
	s.Helper()
	return s.contentsOf(s.inv)
}

func (s *scene) contentsOf(inv inventory.Inventory) contents {
	s.Helper()
	return canon(contents{
		Volumes:    collect(s, inv.Volumes(s.Context(), inventory.VolumeQuery{})),
		Snapshots:  collect(s, inv.Snapshots(s.Context(), inventory.SnapshotQuery{})),
		Operations: collect(s, inv.Operations(s.Context(), inventory.OperationQuery{})),
		Records:    collect(s, inv.Records(s.Context(), inventory.RecordQuery{})),
	})
}

// canon returns the value with nil in the place of every empty map, list and document: a store need not tell them apart.
func canon[V any](v V) V {
	canonize(reflect.ValueOf(&v).Elem())
	return v
}

func canonize(v reflect.Value) {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		} else if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				canonize(v.Index(i))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				canonize(v.Field(i))
			}
		}
	default:
	}
}
