package local

import (
	"errors"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// recordFormat is the format of the JSON files that this version writes and reads.
const recordFormat = 1

// How a snapshot's content was taken.
const (
	byReflink = "reflink"
	byCopy    = "copy"
)

// record is what is kept beside a snapshot's content.
type record struct {
	Format  int               `json:"format"`
	Volume  driver.VolumeID   `json:"volume"`
	Token   driver.Token      `json:"token"`
	Name    string            `json:"name,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Created time.Time         `json:"created"`
	Size    int64             `json:"size"`
	Method  string            `json:"method"`
}

func (r record) snapshot(used int64) driver.Snapshot {
	if r.Method == byReflink {
		used = -1 // nobody knows which blocks are shared
	}
	return driver.Snapshot{
		Ref:  driver.SnapshotRef{Volume: r.Volume, ID: snapshotID(r.Volume, r.Token), Token: r.Token},
		Name: r.Name, CreatedAt: r.Created, Size: r.Size, UsedBytes: used, Ready: true, Labels: r.Labels,
	}
}

// made is what is kept of a volume that Clone or CreateVolume made.
type made struct {
	Format  int                `json:"format"`
	Token   driver.Token       `json:"token"`
	Name    string             `json:"name,omitempty"`
	Labels  map[string]string  `json:"labels,omitempty"`
	Origin  driver.SnapshotRef `json:"origin,omitzero"`
	Created time.Time          `json:"created"`
}

// revertLimit is how many applied reverts of a volume are remembered.
const revertLimit = 100

// reverts are the reverts of one volume that were applied, oldest first. The last is listed before it takes effect, and
// counts as applied exactly if the file with its content is gone: it was renamed over the image.
type reverts struct {
	Format  int       `json:"format"`
	Applied []applied `json:"applied"`
}

type applied struct {
	Token    driver.Token `json:"token"`
	Snapshot driver.Token `json:"snapshot"`
	Size     int64        `json:"size"`
	At       time.Time    `json:"at"`
}

func (r reverts) find(token driver.Token) (applied, bool) {
	for _, a := range r.Applied {
		if a.Token == token {
			return a, true
		}
	}
	return applied{}, false
}

// read reads one of our documents and refuses what a newer version wrote.
func read[T any](t *tree, name string, format func(T) int) (T, error) {
	var v, none T
	if err := t.readDocument(name, &v); err != nil {
		return none, err
	}
	if f := format(v); f != recordFormat {
		return none, driver.Errorf(driver.ErrUnsupported, "%s has format %d; this version knows format %d", t.at(name), f, recordFormat)
	}
	return v, nil
}

func readRecord(t *tree, volume driver.VolumeID, token driver.Token) (record, error) {
	name := volumeDir(string(volume)) + "/" + string(token) + recordSuffix
	r, err := read(t, name, func(r record) int { return r.Format })
	if err == nil && (r.Volume != volume || r.Token != token) {
		err = driver.Errorf(driver.ErrInvalid, "%s describes snapshot %s", t.at(name), snapshotID(r.Volume, r.Token))
	}
	return r, err
}

// readMade returns what is known of a volume's making; fs.ErrNotExist if we did not make it.
func readMade(t *tree, file string) (made, error) {
	return read(t, file, func(m made) int { return m.Format })
}

// readReverts returns the applied reverts; a volume that never had one has none.
func readReverts(t *tree, dir string) (reverts, error) {
	r, err := read(t, dir+"/"+revertsFile, func(r reverts) int { return r.Format })
	if absent(err) {
		return reverts{Format: recordFormat}, nil
	}
	return r, err
}

// damaged reports whether a document is there and cannot be understood.
func damaged(err error) bool {
	return errors.Is(err, driver.ErrInvalid) || errors.Is(err, driver.ErrUnsupported)
}
