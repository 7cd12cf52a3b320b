package local

import (
	"path"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

// Where things lie below the folder. The names of all files in a volume's state folder that are not snapshots are shorter
// than a token can be.
const (
	stateDir    = ".storagesnap"
	backendFile = stateDir + "/backend.json"
	locksDir    = stateDir + "/locks"
	volumesDir  = stateDir + "/volumes"
	// namesLock is no valid volume name. It is held while a new volume's name is chosen.
	namesLock = ".names"

	volumeFile  = "volume.json"  // a volume that we made
	claimFile   = "claim.json"   // the same while it is being made
	newImage    = "new.img"      // its content meanwhile
	revertsFile = "reverts.json" // tokens of applied reverts

	imageSuffix  = ".img"    // a snapshot's content
	recordSuffix = ".json"   // a snapshot's record
	revertSuffix = ".revert" // the content that a revert is about to put in place
	tempSuffix   = ".tmp"    // whatever is not finished
)

// nameLimit is the most characters of a volume's name, less than every file system's 255 bytes.
const nameLimit = 200

// checkName reports, as an ErrInvalid, why the id cannot be an image's file name.
func checkName(id driver.VolumeID) error {
	name := string(id)
	if name == "" || len(name) > nameLimit || !nameRune(rune(name[0]), true) || strings.HasSuffix(name, ".") ||
		strings.ContainsFunc(name, func(r rune) bool { return !nameRune(r, false) }) {
		return driver.Errorf(driver.ErrInvalid,
			"volume %q: want the name of a file directly in the folder, at most %d characters [A-Za-z0-9_][A-Za-z0-9._-]*",
			name, nameLimit)
	}
	return nil
}

func nameRune(r rune, first bool) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
		return true
	}
	return !first && (r == '.' || r == '-')
}

// safeName turns what a person wrote into a volume's name, or into "" if nothing of it can stay.
func safeName(name string, limit int) string {
	safe := strings.Map(func(r rune) rune {
		if nameRune(r, false) {
			return r
		}
		return '-'
	}, name)
	safe = strings.TrimLeft(safe, ".-")
	return strings.TrimRight(safe[:min(len(safe), limit)], ".-")
}

// withToken returns the name with the token before its extension, so that it is unique: disk-TOKEN.raw.
func withToken(name string, token driver.Token) string {
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "-" + string(token) + ext
}

func volumeDir(name string) string { return volumesDir + "/" + name }

func snapshotID(volume driver.VolumeID, token driver.Token) string {
	return string(volume) + "/" + string(token)
}

// parseID takes a snapshot id apart; ok is false if it cannot be one of ours.
func parseID(id string) (volume driver.VolumeID, token driver.Token, ok bool) {
	v, t, _ := strings.Cut(id, "/")
	volume, token = driver.VolumeID(v), driver.Token(t)
	return volume, token, checkName(volume) == nil && token.Validate() == nil
}
