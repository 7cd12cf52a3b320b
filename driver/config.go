package driver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Field describes one field of a driver's configuration, read from its struct:
//
//	Dir string `json:"dir" required:"true" help:"folder of the image files" default:"/var/lib/images"`
//
// A field of type [Secret] is secret by itself.
type Field struct {
	_ [0]func()

	// Name is the JSON name, with a dot for a field of a nested object.
	Name string
	// Type is "string", "number", "boolean", "list", "object" or "secret".
	Type     string
	Help     string
	Default  string
	Required bool
	Secret   bool
}

// Typed makes an opener from a constructor with a typed configuration C, a struct. The JSON document is decoded strictly:
// an unknown field, a missing required one, a wrong type or data behind the object is ErrInvalid and names the field.
// Defaults come from the struct's tags. If *C has a method Validate() error, it is called at the end.
// Typed panics when C's tags cannot be read, since that is a mistake in the program.
func Typed[C, T any](open func(config C, env Env) (T, error)) Opener[T] {
	t := reflect.TypeFor[C]()
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("driver: Typed: %s is not a struct", t))
	}
	fields := fieldsOf(t, "")
	return Opener[T]{fields: fields, open: func(req OpenRequest) (T, error) {
		var none T
		var config C
		if err := decode(req.Config, reflect.ValueOf(&config).Elem(), ""); err != nil {
			return none, err
		}
		if v, ok := any(&config).(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return none, &Error{Class: ErrInvalid, Op: "Open", Err: err}
			}
		}
		return open(config, req.Env)
	}}
}

// Redact returns the configuration with every literal secret replaced, fit for logs and pages; references (file, env,
// ref) stay. What is not a JSON object comes back as null. Unknown fields are left out, for they may be misspelt secrets.
func (o Opener[T]) Redact(config json.RawMessage) json.RawMessage {
	secret := make(map[string]bool, len(o.fields))
	for _, f := range o.fields {
		secret[f.Name] = f.Secret
	}
	clean, err := json.Marshal(redact(config, "", secret))
	if err != nil {
		return json.RawMessage("null")
	}
	return clean
}

func redact(doc json.RawMessage, prefix string, secret map[string]bool) any {
	var object map[string]json.RawMessage
	if json.Unmarshal(doc, &object) != nil {
		return nil
	}
	clean := make(map[string]any, len(object))
	for key, value := range object {
		name := prefix + key
		isSecret, known := secret[name]
		switch {
		case !known:
		case isSecret:
			var s Secret
			if s.UnmarshalJSON(value) != nil {
				s = Literal("x")
			}
			clean[key] = s
		case bytes.HasPrefix(bytes.TrimSpace(value), []byte("{")):
			clean[key] = redact(value, name+".", secret)
		default:
			clean[key] = value
		}
	}
	return clean
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !f.IsExported() || name == "-" {
		return ""
	}
	if name == "" {
		panic(fmt.Sprintf("driver: Typed: field %s has no json name", f.Name))
	}
	return name
}

func fieldsOf(t reflect.Type, prefix string) []Field {
	var fields []Field
	for f := range t.Fields() {
		name := jsonName(f)
		if name == "" {
			continue
		}
		kind := typeName(f.Type)
		fields = append(fields, Field{
			Name: prefix + name, Type: kind, Help: f.Tag.Get("help"), Default: f.Tag.Get("default"),
			Required: f.Tag.Get("required") == "true", Secret: kind == "secret",
		})
		if kind == "object" && f.Type.Kind() == reflect.Struct {
			fields = append(fields, fieldsOf(f.Type, prefix+name+".")...)
		}
	}
	return fields
}

func typeName(t reflect.Type) string {
	if t == reflect.TypeFor[Secret]() {
		return "secret"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()) {
		return "string"
	}
	switch t.Kind() { //nolint:exhaustive // the rest of reflect's kinds cannot be in a JSON document, or are numbers
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		panic(fmt.Sprintf("driver: Typed: a configuration cannot hold a %s", t))
	}
	return "number"
}

// decode fills the struct v from the object doc; at is the name of the field that doc stands in.
func decode(doc json.RawMessage, v reflect.Value, at string) error {
	where := "configuration"
	if at != "" {
		where = fmt.Sprintf("field %q", strings.TrimSuffix(at, "."))
	}
	object := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(doc)) > 0 {
		if err := json.Unmarshal(doc, &object); err != nil || object == nil {
			return configError("%s: want one JSON object", where)
		}
	}
	var known []string
	for f, fv := range v.Fields() {
		name := jsonName(f)
		if name == "" {
			continue
		}
		known = append(known, name)
		raw, given := object[name]
		delete(object, name)
		if err := decodeField(raw, given, f, fv, at+name); err != nil {
			return err
		}
	}
	for _, extra := range slices.Sorted(maps.Keys(object)) {
		return configError("unknown field %q; known: %s", at+extra, strings.Join(known, ", "))
	}
	return nil
}

func decodeField(raw json.RawMessage, given bool, f reflect.StructField, v reflect.Value, name string) error {
	nested := typeName(f.Type) == "object" && f.Type.Kind() == reflect.Struct
	switch def, hasDefault := f.Tag.Lookup("default"); {
	case given && string(raw) == "null":
		return configError("field %q is null; leave it out instead", name)
	case nested:
		if !given && f.Tag.Get("required") == "true" {
			return configError("missing field %q%s", name, helpOf(f))
		}
		return decode(raw, v, name+".")
	case given:
	case f.Tag.Get("required") == "true":
		return configError("missing field %q%s", name, helpOf(f))
	case !hasDefault:
		return nil
	default:
		raw = json.RawMessage(def)
		if typeName(f.Type) == "string" || typeName(f.Type) == "secret" {
			raw, _ = json.Marshal(def)
		}
	}
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		// The decoder's own text may quote the value, which may be a secret.
		return configError("field %q: want a %s%s", name, typeName(f.Type), helpOf(f))
	}
	if given && f.Tag.Get("required") == "true" && v.IsZero() && typeName(f.Type) != "boolean" && typeName(f.Type) != "number" {
		return configError("field %q is empty%s", name, helpOf(f))
	}
	return nil
}

func helpOf(f reflect.StructField) string {
	if help := f.Tag.Get("help"); help != "" {
		return " (" + help + ")"
	}
	return ""
}

func configError(format string, args ...any) error {
	return &Error{Class: ErrInvalid, Op: "Open", Err: fmt.Errorf(format, args...)}
}
