package inventorytest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// filler gives every exported field of a record a value that no other field has, so that a field that a store forgets or
// mixes up is seen, also one that is added to the record later.
type filler struct{ n int }

// filled returns a record of which every field is set. Another seed gives other values.
func filled[R any](seed int) R {
	var r R
	f := filler{n: seed * 1000}
	f.fill(reflect.ValueOf(&r).Elem(), reflect.TypeFor[R]().Name())
	return r
}

// choice returns a value for types that do not take any value, else nil.
func (f *filler) choice(t reflect.Type) any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return made().Add(time.Duration(f.n) * (time.Hour + time.Microsecond))
	case reflect.TypeFor[json.RawMessage]():
		return json.RawMessage(fmt.Sprintf(`{"n": %d, "b": [1,  2.50, "ü\u00e9"], "a": null}`, f.n))
	case reflect.TypeFor[driver.Token]():
		return driver.Token(fmt.Sprintf("stoken%021d", f.n))
	case reflect.TypeFor[driver.Class]():
		return []driver.Class{driver.ErrBusy, driver.ErrInUse}[f.n/1000%2]
	case reflect.TypeFor[snapshot.State]():
		return []snapshot.State{snapshot.Ready, snapshot.Deleting}[f.n/1000%2]
	case reflect.TypeFor[snapshot.Lineage]():
		return []snapshot.Lineage{snapshot.Recorded, snapshot.Assumed}[f.n/1000%2]
	case reflect.TypeFor[snapshot.Consistency]():
		return []snapshot.Consistency{snapshot.GroupConsistent, snapshot.ApplicationConsistent}[f.n/1000%2]
	case reflect.TypeFor[snapshot.Quiesce]():
		return []snapshot.Quiesce{snapshot.QuiesceFrozen, snapshot.QuiesceFellBack}[f.n/1000%2]
	case reflect.TypeFor[inventory.OperationState]():
		return []inventory.OperationState{inventory.Running, inventory.Waiting}[f.n/1000%2]
	case reflect.TypeFor[inventory.StepState]():
		return []inventory.StepState{inventory.StepSent, inventory.StepUndone}[f.n/1000%2]
	}
	return nil
}

func (f *filler) fill(v reflect.Value, path string) {
	f.n++
	if chosen := f.choice(v.Type()); chosen != nil {
		v.Set(reflect.ValueOf(chosen))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("%s-%d é雪😀", path, f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Array: // an id
		sum := sha256.Sum256(fmt.Append(nil, f.n))
		reflect.Copy(v, reflect.ValueOf(sum[:]))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i), path)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key, path+"Key")
			f.fill(value, path)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				f.fill(v.Field(i), field.Name)
			}
		}
	default: // left empty; the test of this file sees it
	}
}

// scribble changes everything that can be reached through the maps, lists and documents of a record.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		scribble(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.Struct {
				scribble(e)
			}
			v.Index(i).SetZero()
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.Zero(v.Type().Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scribble(v.Field(i))
			}
		}
	default:
	}
}
