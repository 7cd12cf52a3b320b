package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// checkKeys refuses what encoding/json lets pass: a key that stands twice in one object, of which two readers may believe
// two different values, and a field whose name is written in another way ("ID", "\u0069d"). The keys of labels are the
// user's and only must not repeat. The text must be JSON that decoded into a [document].
func checkKeys(text []byte) error {
	var open []keys // the objects that are open
	key := ""       // what the value that comes next belongs to
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			open, key = enter(open, key == "labels"), ""
		case '}':
			open, key = open[:len(open)-1], ""
		case '"':
			raw := stringToken(text[i:])
			i += len(raw) - 1
			if rest := bytes.TrimLeft(text[i+1:], " \t\r\n"); !bytes.HasPrefix(rest, []byte(":")) {
				continue
			}
			var err error
			if key, err = open[len(open)-1].add(raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// keys are those of one object: of fields, of which there are few, or of labels, of which there may be any number.
type keys struct {
	fields [][]byte
	labels map[string]bool
}

// enter opens one more object. A list that an earlier object left behind is used again.
func enter(open []keys, labels bool) []keys {
	if len(open) == cap(open) {
		open = append(open, keys{})
	} else {
		open = open[:len(open)+1]
	}
	k := &open[len(open)-1]
	k.fields, k.labels = k.fields[:0], nil
	if labels {
		k.labels = map[string]bool{}
	}
	return open
}

// add takes the raw text of a key, quotes included, and returns the key.
func (k *keys) add(raw []byte) (string, error) {
	if k.labels != nil {
		var label string
		if err := json.Unmarshal(raw, &label); err != nil {
			return "", fmt.Errorf("tree in JSON: label %.60s: %w: %w", raw, ErrInvalid, err)
		}
		if k.labels[label] {
			return "", fmt.Errorf("tree in JSON: label %.60q stands twice: %w", label, ErrInvalid)
		}
		k.labels[label] = true
		return "", nil
	}
	if strings.Trim(string(raw), `"abcdefghijklmnopqrstuvwxyz_`) != "" {
		return "", fmt.Errorf("tree in JSON: field %.60q is not written as it should be, in lower case: %w", raw, ErrInvalid)
	}
	for _, f := range k.fields {
		if bytes.Equal(f, raw) {
			return "", fmt.Errorf("tree in JSON: field %.60q stands twice in one object: %w", raw, ErrInvalid)
		}
	}
	k.fields = append(k.fields, raw)
	return string(raw[1 : len(raw)-1]), nil
}

// stringToken returns the JSON string that text begins with, quotes included.
func stringToken(text []byte) []byte {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[:i+1]
		}
	}
	return text
}
