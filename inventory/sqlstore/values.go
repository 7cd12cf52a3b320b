package sqlstore

import (
	"encoding/json"
	"time"

	"github.com/storagesnap/storagesnap/snapshot"
)

// How values stand in the database: ids as 16 bytes or none, times as UTC microseconds or NULL, documents as JSON or "".

func idValue[K any](id snapshot.UUID[K]) []byte {
	if id.IsZero() {
		return []byte{}
	}
	return id[:]
}

func timeValue(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func boolValue(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// jsonValue writes a list or a map; an empty one is "".
func jsonValue[V any](n int, value V) (string, error) {
	if n == 0 {
		return "", nil
	}
	text, err := json.Marshal(value)
	return string(text), err
}

func idsValue(ids []snapshot.VolumeID) []byte {
	raw := make([]byte, 0, len(ids)*len(snapshot.VolumeID{}))
	for _, id := range ids {
		raw = append(raw, id[:]...)
	}
	return raw
}

// storedTime returns the time as it will be read back.
func storedTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
