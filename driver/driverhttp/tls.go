package driverhttp

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

// TLS says which server is trusted. The zero value trusts what the system's CAs vouch for.
type TLS struct {
	_ [0]func()

	// CA is a bundle of PEM certificates that replaces the system's.
	CA []byte
	// Pins are SHA-256 fingerprints in hexadecimal, of the server's certificate (openssl x509 -fingerprint -sha256) or of
	// its public key (the DER SubjectPublicKeyInfo). Colons, blanks and letter case do not matter. The server must match
	// one of them. Without a CA a pin is all that is asked, as self-signed arrays need it: neither name nor expiry
	// matter. With a CA both must hold.
	Pins []string
	// ServerName is the name that the certificate must have, if it is not the URL's host.
	ServerName string
	// InsecureSkipVerify accepts any server. Whoever stands in between then reads the credentials and alters the replies.
	InsecureSkipVerify bool
	// MinVersion is the least version of TLS, as crypto/tls counts them; zero is TLS 1.2, and less needs AllowOld.
	MinVersion uint16
	// AllowOld admits TLS 1.0 and 1.1 (unless MinVersion forbids them) and cipher suites without forward secrecy or with
	// SHA-1, for arrays whose software is older than 2015. RC4 and 3DES stay out.
	AllowOld bool
}

func (t TLS) isZero() bool {
	return len(t.CA) == 0 && len(t.Pins) == 0 && t.ServerName == "" && !t.InsecureSkipVerify && t.MinVersion == 0 && !t.AllowOld
}

func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.AllowOld {
		c.MinVersion = tls.VersionTLS10
		c.CipherSuites = oldSuites()
	}
	if t.MinVersion != 0 {
		if t.MinVersion < c.MinVersion || t.MinVersion > tls.VersionTLS13 {
			return nil, driver.Errorf(driver.ErrInvalid,
				"driverhttp: TLS.MinVersion %#04x: want TLS 1.2 or 1.3, or set AllowOld", t.MinVersion)
		}
		c.MinVersion = t.MinVersion
	}
	if len(t.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, driver.Errorf(driver.ErrInvalid, "driverhttp: TLS.CA holds no PEM certificate")
		}
	}
	if t.InsecureSkipVerify && (len(t.CA) > 0 || len(t.Pins) > 0) {
		return nil, driver.Errorf(driver.ErrInvalid, "driverhttp: TLS.InsecureSkipVerify contradicts CA and Pins; drop one")
	}
	pins, err := parsePins(t.Pins)
	if err != nil {
		return nil, err
	}
	if len(pins) > 0 {
		// VerifyConnection runs for resumed sessions too, VerifyPeerCertificate does not.
		c.VerifyConnection = func(s tls.ConnectionState) error { return pins.check(s.PeerCertificates) }
	}
	c.InsecureSkipVerify = t.InsecureSkipVerify || (len(pins) > 0 && len(t.CA) == 0) // asked for, or the pin decides
	return c, nil
}

type pinSet [][sha256.Size]byte

func parsePins(texts []string) (pinSet, error) {
	var pins pinSet
	for _, text := range texts {
		plain := strings.NewReplacer(":", "", " ", "").Replace(strings.TrimSpace(text))
		raw, err := hex.DecodeString(plain)
		if err != nil || len(raw) != sha256.Size {
			return nil, driver.Errorf(driver.ErrInvalid,
				"driverhttp: TLS.Pins: %q is not a SHA-256 fingerprint of 64 hexadecimal digits", text)
		}
		pins = append(pins, [sha256.Size]byte(raw))
	}
	return pins, nil
}

var errPin = errors.New("the server's certificate is not the pinned one")

func (p pinSet) check(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errPin
	}
	whole, key := sha256.Sum256(chain[0].Raw), sha256.Sum256(chain[0].RawSubjectPublicKeyInfo)
	if slices.Contains(p, whole) || slices.Contains(p, key) {
		return nil
	}
	return fmt.Errorf("%w: its SHA-256 is %x, its public key's is %x; if that is right, pin one of them", errPin, whole, key)
}

// untrusted returns err with what to do if it says that the server's certificate was refused, and nil for other errors.
// Trying again does not help then.
func untrusted(err error) error {
	if errors.Is(err, errPin) {
		return err
	}
	e, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(e.UnverifiedCertificates) == 0 {
		return nil
	}
	sum := sha256.Sum256(e.UnverifiedCertificates[0].Raw)
	return fmt.Errorf("%w; give the CA's certificate, or pin this one's SHA-256 %x", err, sum)
}

func oldSuites() []uint16 {
	var ids []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !strings.Contains(s.Name, "_RC4_") && !strings.Contains(s.Name, "_3DES_") {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
