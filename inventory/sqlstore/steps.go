package sqlstore

import (
	"encoding/json"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// storedStep is the form in which a step stands in its operation's row. Documents are texts in it, so that they come back
// byte by byte.
type storedStep struct {
	Name     string              `json:"name"`
	Volume   snapshot.VolumeID   `json:"volume,omitzero"`
	State    inventory.StepState `json:"state"`
	SentAt   time.Time           `json:"sent_at,omitzero"`
	Attempts int                 `json:"attempts,omitempty"`
	Note     string              `json:"note,omitempty"`
	Result   string              `json:"result,omitempty"`
	Error    string              `json:"error,omitempty"`
}

func stepsValue(steps []inventory.Step) (string, error) {
	list := make([]storedStep, len(steps))
	for i, s := range steps {
		list[i] = storedStep{
			s.Name, s.Volume, s.State, storedTime(s.SentAt), s.Attempts, string(s.Note), string(s.Result), s.Error,
		}
	}
	return jsonValue(len(list), list)
}

// steps reads a column of steps.
func steps(r *row, into *[]inventory.Step) {
	raw := new(string)
	r.then(raw, func() error {
		*into = nil
		if *raw == "" {
			return nil
		}
		var list []storedStep
		if err := json.Unmarshal([]byte(*raw), &list); err != nil {
			return err
		}
		for _, s := range list {
			*into = append(*into, inventory.Step{
				Name: s.Name, Volume: s.Volume, State: s.State, SentAt: s.SentAt, Attempts: s.Attempts,
				Note: rawValue(s.Note), Result: rawValue(s.Result), Error: s.Error,
			})
		}
		return nil
	})
}

func rawValue(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}
