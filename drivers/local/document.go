package local

import (
	"encoding/json"
	"io"
	"os"

	"github.com/storagesnap/storagesnap/driver"
)

// documentLimit is the most that one of our JSON files is read, in bytes.
const documentLimit = 1 << 20

// writeDocument puts v as JSON under the name, replacing what was there. A reader sees the old document or the new one,
// also after a crash. It is durable once the folder is synced.
func (t *tree) writeDocument(name string, v any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(doc) > documentLimit {
		return driver.Errorf(driver.ErrInvalid, "%s would have %d bytes; at most %d", t.at(name), len(doc), documentLimit)
	}
	temp := name + tempSuffix
	f, err := t.create(temp)
	if err != nil {
		return err
	}
	err = t.fillDocument(f, doc)
	if err == nil {
		err = t.rename(temp, name)
	}
	if err != nil {
		_ = t.remove(temp)
	}
	return err
}

func (t *tree) fillDocument(f *os.File, doc []byte) error {
	_, err := f.Write(append(doc, '\n'))
	if err == nil {
		err = t.sync(f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// readDocument reads the JSON file into v. A missing file is fs.ErrNotExist; a damaged one is ErrInvalid.
func (t *tree) readDocument(name string, v any) error {
	f, err := t.root.OpenFile(name, os.O_RDONLY|openSafely, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	doc, err := io.ReadAll(io.LimitReader(f, documentLimit+1))
	if err != nil {
		return err
	}
	if len(doc) > documentLimit {
		return driver.Errorf(driver.ErrInvalid, "%s is larger than %d bytes", t.at(name), documentLimit)
	}
	if err := json.Unmarshal(doc, v); err != nil {
		return driver.Errorf(driver.ErrInvalid, "%s is damaged; put it back from a backup or remove it: %w", t.at(name), err)
	}
	return nil
}
