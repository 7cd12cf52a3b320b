package driver

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Field describes one field of a driver's configuration, read from its struct:
//
//	Dir  string `json:"dir" required:"true" help:"folder of the image files"`
//	Jobs int    `json:"jobs" default:"4" help:"copies at a time"`
//
// A field of type [Secret] is secret by itself. The default of a string, secret or duration is the text itself, any other
// is JSON; that of a required field is only what a form proposes.
type Field struct {
	_ [0]func()

	// Name is the JSON name, with a dot for a field of a nested object and [] for the elements of a list or map:
	// "tls.ca", "nodes[].password".
	Name string
	// Type is "string", "number", "boolean", "duration" (a string like "1m30s"), "list", "object" or "secret".
	Type     string
	Help     string
	Default  string
	Required bool
	Secret   bool
}

// Typed makes an opener from a constructor with a typed configuration C, a struct. The JSON document is decoded strictly,
// at any depth: an unknown field (case counts), a missing required one, one that stands twice, null, a wrong type or data
// behind the object is ErrInvalid and names the field, never its value. Defaults come from the struct's tags. A nested
// struct gets its defaults even if it is left out; a pointer to one stays nil. Embedded structs count as if their fields
// stood in C. If *C has a method Validate() error, it is called at the end. What the constructor returns as an error is
// ErrInvalid unless it has a class.
//
// Typed panics when C's tags cannot be read, since that is a mistake in the program.
func Typed[C, T any](open func(config C, env Env) (T, error)) Opener[T] {
	t := reflect.TypeFor[C]()
	if t.Kind() != reflect.Struct || decodesItself(t) {
		panic(fmt.Sprintf("driver: Typed: %s is not a plain struct", t))
	}
	s := shapeOf(t, "")
	return Opener[T]{shape: s, open: func(req OpenRequest) (T, error) {
		config, err := configOf[C](s, req.Config)
		var opened T
		if err == nil {
			opened, err = open(config, req.Env)
		}
		if err != nil {
			var none T
			return none, openError(err)
		}
		return opened, nil
	}}
}

func configOf[C any](s *shape, doc json.RawMessage) (C, error) {
	var config C
	if err := s.decodeDocument(doc, reflect.ValueOf(&config).Elem()); err != nil {
		return config, err
	}
	if v, ok := any(&config).(interface{ Validate() error }); ok {
		return config, v.Validate()
	}
	return config, nil
}

// openError classifies what a constructor returned: opening does no I/O, so an unclassified error is the configuration's.
func openError(err error) error {
	if _, classified := classIn(err); classified {
		return In("Open", err)
	}
	return &Error{Class: ErrInvalid, Op: "Open", Err: err}
}

// fieldsOf flattens the members of an object, in the order of the struct.
func (s *shape) fieldsOf(prefix string) []Field {
	var fields []Field
	for _, m := range s.members {
		fields = append(fields, Field{
			Name: prefix + m.name, Type: m.shape.kind, Help: m.help, Default: m.def,
			Required: m.required, Secret: m.shape.kind == kindSecret,
		})
		inner, name := m.shape, prefix+m.name
		for inner.elem != nil {
			inner, name = inner.elem, name+"[]"
			if inner.kind == kindSecret {
				fields = append(fields, Field{Name: name, Type: kindSecret, Secret: true})
			}
		}
		fields = append(fields, inner.fieldsOf(name+".")...)
	}
	return fields
}
