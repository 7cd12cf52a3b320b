package driver_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

var wellFormed = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

func TestNewTokenIsWellFormedAndFresh(t *testing.T) {
	ours := driver.NewInstallationID()
	require.NoError(t, ours.Validate())
	seen := map[driver.Token]bool{}
	for range 1000 {
		token, err := driver.NewToken(ours)
		require.NoError(t, err)
		require.NoError(t, token.Validate())
		require.Len(t, string(token), driver.TokenLength)
		require.Regexp(t, wellFormed, string(token))
		require.Equal(t, ours, token.Installation())
		require.True(t, token.Of(ours))
		require.False(t, seen[token], "the same token twice")
		seen[token] = true
	}
}

func TestNewTokenRefusesAMalformedInstallation(t *testing.T) {
	for _, id := range []driver.InstallationID{"", "s123456", "s12345678", "S1234567", "12345678", "s12345 7", "s12345é"} {
		token, err := driver.NewToken(id)
		require.ErrorIs(t, err, driver.ErrInvalid, "%q", id)
		require.Empty(t, token)
	}
}

func TestInstallationIDsAreRandom(t *testing.T) {
	seen := map[driver.InstallationID]bool{}
	for range 100 {
		id := driver.NewInstallationID()
		require.NoError(t, id.Validate())
		require.False(t, seen[id])
		seen[id] = true
	}
}

func TestTokenValidate(t *testing.T) {
	tests := map[string]struct {
		token driver.Token
		valid bool
	}{
		"shortest":            {"s12345678", true},
		"longest":             {driver.Token("s" + strings.Repeat("9", driver.TokenLength-1)), true},
		"empty":               {"", false},
		"only installation":   {"s1234567", false},
		"one too long":        {driver.Token("s" + strings.Repeat("9", driver.TokenLength)), false},
		"begins with a digit": {"1234567890", false},
		"upper case":          {"s1234567A", false},
		"dash":                {"s1234567-9", false},
		"space":               {"s1234567 9", false},
		"not ASCII":           {"s1234567é", false},
		"NUL":                 {"s1234567\x00", false},
		"line break":          {"s12345678\n", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.token.Validate()
			if test.valid {
				require.NoError(t, err)
				require.Equal(t, driver.InstallationID(test.token[:8]), test.token.Installation())
				return
			}
			require.ErrorIs(t, err, driver.ErrInvalid)
			require.Empty(t, test.token.Installation(), "what is no token is foreign")
		})
	}
}

func TestTokenOf(t *testing.T) {
	token := driver.Token("s1234567abc")
	require.True(t, token.Of("s1234567"))
	require.False(t, token.Of("s1234568"), "another installation's")
	require.False(t, token.Of(""), "no installation owns nothing")
	require.False(t, driver.Token("").Of(""), "a foreign object is nobody's")
	require.False(t, driver.Token("weekly backup").Of("weekly b"))
}

func TestTokenErrorIsShort(t *testing.T) {
	err := driver.Token(strings.Repeat("x", 1<<20)).Validate()
	require.Less(t, len(err.Error()), 300, "an array's object may have any name")
}

func FuzzTokenValidate(f *testing.F) {
	for _, seed := range []string{"", "s12345678", "s1234567", "S12345678", "s123456789012345678901234567", "sé34567890"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token := driver.Token(text)
		valid := wellFormed.MatchString(text) && !strings.HasSuffix(text, "\n") &&
			len(text) > driver.InstallationLength && len(text) <= driver.TokenLength
		require.Equal(t, valid, token.Validate() == nil)
		installation := token.Installation()
		require.Equal(t, valid, installation != "")
		if valid {
			require.NoError(t, installation.Validate())
			require.True(t, token.Of(installation))
		}
	})
}
