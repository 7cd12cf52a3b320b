package driver

import (
	"bytes"
	"encoding/json"
)

// Redact returns the configuration with every literal secret replaced, fit for logs and pages; references (file, env,
// ref) stay. What is not a JSON object comes back as null. Unknown fields are left out, for they may be misspelt secrets,
// and so are values of another shape than the field's.
func (o Opener[T]) Redact(config json.RawMessage) json.RawMessage {
	if o.shape == nil || !json.Valid(config) {
		return json.RawMessage("null")
	}
	kept, _ := o.shape.redact(bytes.TrimSpace(config))
	clean, err := json.Marshal(kept)
	if err != nil {
		return json.RawMessage("null")
	}
	return clean
}

// redact returns what of a valid document may be shown, and whether any of it may.
func (s *shape) redact(raw json.RawMessage) (kept any, ok bool) {
	switch s.kind {
	case kindSecret:
		var secret Secret
		if secret.UnmarshalJSON(raw) != nil {
			return redacted, true
		}
		return secret, true
	case kindObject:
		return s.redactObject(raw)
	case kindList:
		return s.redactList(raw)
	}
	return raw, raw[0] != '{' && raw[0] != '['
}

// redactObject keeps the known fields of a struct, or every value of a map. A type that decodes itself has neither.
func (s *shape) redactObject(raw json.RawMessage) (kept any, ok bool) {
	object, err := objectOf(raw)
	if err != nil {
		return nil, false
	}
	clean := make(map[string]any, len(object))
	shapes := make(map[string]*shape, len(s.members))
	for _, m := range s.members {
		shapes[m.name] = m.shape
	}
	for key, value := range object {
		inner := s.elem
		if inner == nil {
			inner = shapes[key]
		}
		if inner == nil {
			continue
		}
		if v, ok := inner.redact(value); ok {
			clean[key] = v
		}
	}
	return clean, true
}

func (s *shape) redactList(raw json.RawMessage) (kept any, ok bool) {
	var elems []json.RawMessage
	if s.elem == nil || json.Unmarshal(raw, &elems) != nil {
		return nil, false
	}
	clean := make([]any, len(elems))
	for i, elem := range elems {
		clean[i], _ = s.elem.redact(elem)
	}
	return clean, true
}
