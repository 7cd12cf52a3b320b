package driver

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// The values of [Field.Type].
const (
	kindString   = "string"
	kindNumber   = "number"
	kindBoolean  = "boolean"
	kindDuration = "duration"
	kindList     = "list"
	kindObject   = "object"
	kindSecret   = "secret"
)

// shapeDepth is how deep configurations nest at most; a type that holds itself nests for ever.
const shapeDepth = 8

// shape is what the type of a configuration, or of a part of it, allows in a document. It is read once from the struct's
// tags; decoding, redaction and the description of the fields all walk it, so they cannot disagree.
type shape struct {
	kind string
	// goType is told to people beside "number", for its range.
	goType string
	// members are those of a struct, elem is that of a list or map. A type that decodes itself has neither.
	members []member
	elem    *shape
}

// member is one field of a struct.
type member struct {
	name, help, def      string
	index                []int // for reflect.Value.FieldByIndex
	required, hasDefault bool
	shape                *shape
}

func mistake(at, format string, args ...any) {
	panic(fmt.Sprintf("driver: Typed: field %q: %s", at, fmt.Sprintf(format, args...)))
}

// shapeOf reads a type; at is the name of the field that has it. It panics for what no configuration can hold.
func shapeOf(t reflect.Type, at string) *shape {
	if strings.Count(at, ".")+strings.Count(at, "[]") > shapeDepth {
		mistake(at, "the type nests deeper than %d, or holds itself", shapeDepth)
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := &shape{kind: kindOf(t, at), goType: t.String()}
	if s.kind == kindSecret || decodesItself(t) {
		return s
	}
	switch t.Kind() {
	case reflect.Struct:
		s.members = membersOf(t, at, nil)
	case reflect.Slice, reflect.Map:
		s.elem = shapeOf(t.Elem(), at+"[]")
	}
	return s
}

func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func kindOf(t reflect.Type, at string) string {
	switch {
	case t == reflect.TypeFor[Secret]():
		return kindSecret
	case t == reflect.TypeFor[time.Duration]():
		return kindDuration
	case t == reflect.TypeFor[json.RawMessage]():
		return kindObject
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return kindString
	case t == reflect.TypeFor[[]byte]():
		mistake(at, "bytes have no form of their own in a configuration; use a string")
	case t.Kind() == reflect.Map && t.Key().Kind() != reflect.String:
		mistake(at, "the keys of a map are strings")
	}
	switch t.Kind() {
	case reflect.String:
		return kindString
	case reflect.Bool:
		return kindBoolean
	case reflect.Slice:
		return kindList
	case reflect.Struct, reflect.Map:
		return kindObject
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16,
		reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return kindNumber
	}
	mistake(at, "a configuration cannot hold a %s", t)
	return ""
}

// membersOf reads the fields of a struct; those of embedded structs count as its own.
func membersOf(t reflect.Type, at string, index []int) []member {
	var members []member
	prefix := at
	if at != "" {
		prefix += "."
	}
	for f := range t.Fields() {
		path := append(slices.Clone(index), f.Index...)
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct && !decodesItself(f.Type):
			members = append(members, membersOf(f.Type, at, path)...)
		case !f.IsExported() && !f.Anonymous, name == "-":
		case !f.IsExported():
			mistake(prefix+f.Name, "an embedded field is a struct without a json tag")
		case name == "":
			mistake(prefix+f.Name, "has no json name")
		default:
			members = append(members, memberOf(f, prefix+name, name, path))
		}
	}
	for i, m := range members {
		if slices.ContainsFunc(members[:i], func(other member) bool { return other.name == m.name }) {
			mistake(prefix+m.name, "stands twice in the struct")
		}
	}
	return members
}

func memberOf(f reflect.StructField, at, name string, index []int) member {
	m := member{name: name, index: index, help: f.Tag.Get("help"), shape: shapeOf(f.Type, at)}
	m.def, m.hasDefault = f.Tag.Lookup("default")
	switch f.Tag.Get("required") {
	case "true":
		m.required = true
	case "", "false":
	default:
		mistake(at, `the tag required is "true" or "false"`)
	}
	if m.hasDefault {
		if err := m.shape.decode(m.defaultDocument(), reflect.New(f.Type).Elem(), at); err != nil {
			mistake(at, "its default cannot be read: %v", err)
		}
	}
	return m
}

// defaultDocument returns the default as JSON.
func (m member) defaultDocument() json.RawMessage {
	switch m.shape.kind {
	case kindString, kindDuration, kindSecret:
		text, _ := json.Marshal(m.def) // a string cannot fail
		return text
	}
	return json.RawMessage(m.def)
}
