package driver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

var errNotObject = errors.New("want one JSON object")

// decodeDocument fills the struct v from a whole configuration; an empty one is an object without fields.
func (s *shape) decodeDocument(doc json.RawMessage, v reflect.Value) error {
	if len(bytes.TrimSpace(doc)) == 0 {
		doc = json.RawMessage("{}")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(doc, &whole); err != nil {
		// The decoder's own text quotes what it stumbled over, which may be part of a secret.
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return configError("the configuration is not one JSON object: mistake at byte %d", syntax.Offset)
		}
		return configError("the configuration: %w", errNotObject)
	}
	return s.decodeObject(bytes.TrimSpace(doc), v, "")
}

// decode fills v, a value of the shape's type, from raw; at is the field's name.
func (s *shape) decode(raw json.RawMessage, v reflect.Value, at string) error {
	if string(raw) == "null" {
		return configError("field %q is null; leave it out instead", at)
	}
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch {
	case s.elem != nil && s.kind == kindList:
		return s.decodeList(raw, v, at)
	case s.elem != nil:
		return s.decodeMap(raw, v, at)
	case s.kind == kindObject && !decodesItself(v.Type()):
		return s.decodeObject(raw, v, at)
	case s.kind == kindDuration:
		return s.decodeDuration(raw, v, at)
	}
	if json.Unmarshal(raw, v.Addr().Interface()) != nil {
		return s.wrongType(at) // without the decoder's own text, as above
	}
	return nil
}

func (s *shape) wrongType(at string) error {
	want := "a " + s.kind
	switch s.kind {
	case kindNumber:
		want += " (" + s.goType + ")"
	case kindDuration:
		want += `, as a string like "1m30s"`
	case kindSecret:
		want += `: a string, {"file": …}, {"env": …} or {"ref": …}`
	case kindObject:
		want = "an object"
	}
	return configError("field %q: want %s", at, want)
}

func (s *shape) decodeObject(doc json.RawMessage, v reflect.Value, at string) error {
	where, prefix := "the configuration", ""
	if at != "" {
		where, prefix = fmt.Sprintf("field %q", at), at+"."
	}
	object, err := objectOf(doc)
	if err != nil {
		return configError("%s: %w", where, err)
	}
	known := make([]string, len(s.members))
	for i, m := range s.members {
		known[i] = m.name
		raw, given := object[m.name]
		delete(object, m.name)
		if err := m.decode(raw, given, v.FieldByIndex(m.index), prefix+m.name); err != nil {
			return err
		}
	}
	if extra := slices.Sorted(maps.Keys(object)); len(extra) > 0 {
		return configError("unknown field %q; known: %s", prefix+extra[0], strings.Join(known, ", "))
	}
	return nil
}

// decode fills one field of a struct, given or not.
func (m member) decode(raw json.RawMessage, given bool, v reflect.Value, at string) error {
	switch {
	case given:
	case m.required:
		return configError("missing field %q%s", at, m.helpText())
	case m.hasDefault:
		raw = m.defaultDocument()
	case m.shape.members != nil && v.Kind() == reflect.Struct:
		raw = json.RawMessage("{}") // for the defaults and required fields in it
	default:
		return nil
	}
	if err := m.shape.decode(raw, v, at); err != nil {
		return err
	}
	if given && m.required && empty(raw, v) {
		return configError("field %q is empty%s", at, m.helpText())
	}
	return nil
}

func (m member) helpText() string {
	if m.help == "" {
		return ""
	}
	return " (" + m.help + ")"
}

// empty reports whether a field that was given has nothing in it.
func empty(raw json.RawMessage, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return string(raw) == `""`
}

func (s *shape) decodeList(raw json.RawMessage, v reflect.Value, at string) error {
	var elems []json.RawMessage
	if json.Unmarshal(raw, &elems) != nil {
		return s.wrongType(at)
	}
	list := reflect.MakeSlice(v.Type(), len(elems), len(elems))
	for i, elem := range elems {
		if err := s.elem.decode(elem, list.Index(i), fmt.Sprintf("%s[%d]", at, i)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (s *shape) decodeMap(raw json.RawMessage, v reflect.Value, at string) error {
	object, err := objectOf(raw)
	if err != nil {
		return configError("field %q: %w", at, err)
	}
	filled := reflect.MakeMapWithSize(v.Type(), len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := s.elem.decode(object[key], value, at+"["+key+"]"); err != nil {
			return err
		}
		filled.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), value)
	}
	v.Set(filled)
	return nil
}

func (s *shape) decodeDuration(raw json.RawMessage, v reflect.Value, at string) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return s.wrongType(at)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return s.wrongType(at)
	}
	v.SetInt(int64(d))
	return nil
}

// objectOf reads valid JSON that should be an object. A name that stands twice is refused: whoever reads the document
// next might see the other value.
func objectOf(raw json.RawMessage) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if begin, err := dec.Token(); err != nil || begin != json.Delim('{') {
		return nil, errNotObject
	}
	object := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		name, isName := key.(string)
		var value json.RawMessage
		if err != nil || !isName || dec.Decode(&value) != nil {
			return nil, errNotObject
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("%q stands twice", name)
		}
		object[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNotObject
	}
	return object, nil
}

func configError(format string, args ...any) error {
	return &Error{Class: ErrInvalid, Op: "Open", Err: fmt.Errorf(format, args...)}
}
