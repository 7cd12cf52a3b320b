package driver

import (
	"crypto/rand"
	"encoding/base32"
)

const (
	// TokenLength is the length of every token that [NewToken] makes, and the most that a driver has to store.
	TokenLength = 27
	// InstallationLength is the length of an [InstallationID].
	InstallationLength = 8
)

// Token is the identity of one side effect, chosen by the engine and durable in the inventory before the array sees it.
// A driver stores it at the array with the object that it makes (in an attribute, else in the name), so that after a lost
// reply or a crash one look-up tells whether the effect took place.
//
// A token is at most [TokenLength] characters [a-z][a-z0-9]*, so that it fits every array's object names and stays unique
// where the array ignores case. It begins with the [InstallationID] of the inventory that chose it. It is never used for
// a second effect; the identity of a snapshot is (volume, token), because the members of a group share one token.
type Token string

// NewToken returns a fresh token of the installation: its id and 95 random bits.
func NewToken(installation InstallationID) (Token, error) {
	if err := installation.Validate(); err != nil {
		return "", err
	}
	return Token(string(installation) + randomText(TokenLength-InstallationLength)), nil
}

// NewInstallationID returns a random installation id. A store makes one, once, with its schema.
func NewInstallationID() InstallationID {
	// The first character is a letter by the rule of [Token]; 's' as in storagesnap, so that a person who reads the array's
	// own list has a hint.
	return InstallationID("s" + randomText(InstallationLength-1))
}

// Validate reports, as an [ErrInvalid], why the text is not an installation id.
func (id InstallationID) Validate() error {
	if len(id) != InstallationLength || !wellFormed(string(id)) {
		return Errorf(ErrInvalid, "installation id %.60q: want %d characters [a-z][a-z0-9]*", string(id), InstallationLength)
	}
	return nil
}

// Validate reports, as an [ErrInvalid], why the text is not a token.
func (t Token) Validate() error {
	if len(t) <= InstallationLength || len(t) > TokenLength || !wellFormed(string(t)) {
		return Errorf(ErrInvalid, "token %.60q: want %d to %d characters [a-z][a-z0-9]*",
			string(t), InstallationLength+1, TokenLength)
	}
	return nil
}

// Installation returns the id that the token begins with, or "" if the text is no token: an object so marked is foreign.
func (t Token) Installation() InstallationID {
	if t.Validate() != nil {
		return ""
	}
	return InstallationID(t[:InstallationLength])
}

// Of reports whether the installation chose the token. Any other token is foreign: never an orphan, never touched.
func (t Token) Of(installation InstallationID) bool {
	return installation != "" && t.Installation() == installation
}

func wellFormed(s string) bool {
	for i := range len(s) {
		letter, digit := s[i] >= 'a' && s[i] <= 'z', s[i] >= '0' && s[i] <= '9'
		if !letter && (!digit || i == 0) {
			return false
		}
	}
	return s != ""
}

// randomText returns n characters of five random bits each.
func randomText(n int) string {
	raw := make([]byte, (n*5+7)/8)
	_, _ = rand.Read(raw) // never fails
	return base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding).EncodeToString(raw)[:n]
}
