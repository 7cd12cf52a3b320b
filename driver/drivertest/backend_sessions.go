package drivertest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/storagesnap/storagesnap/driver"
)

// OpenSession opens the volume for the initiator, whether it has access or not, until close is called; a second close does
// nothing. It panics if the volume does not exist.
func (b *Backend) OpenSession(id driver.VolumeID, initiator string) (closeSession func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, err := b.live(id)
	if err != nil {
		panic(fmt.Sprintf("drivertest: OpenSession: %v", err))
	}
	return b.open(v, initiator)
}

// login opens what answers by the path, as a host does, and only with access. Sessions of initiators that are not friends
// are another host's: then the volume is attached twice.
func (b *Backend) login(p driver.Path, initiator string, friends []string) (*volume, func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.behind(p)
	if v == nil {
		return nil, nil, driver.Errorf(driver.ErrNotFound, "nothing answers at %s, LUN %d", p.Target, p.LUN)
	}
	if !b.reaches(v, initiator) {
		return nil, nil, driver.Errorf(driver.ErrPermission, "%s may not reach %s", initiator, p.Target)
	}
	for _, s := range v.sessions {
		if !slices.Contains(friends, s.initiator) {
			b.violate("volume %s is attached twice: by %s and by %s", v.id, s.initiator, initiator)
		}
	}
	return v, b.open(v, initiator), nil
}

// behind returns the volume that answers by the path.
func (b *Backend) behind(p driver.Path) *volume {
	if id, ok := b.misrouted[p.Target]; ok {
		return b.ever[id]
	}
	for _, v := range b.volumes {
		if b.path(v).Target == p.Target {
			return v
		}
	}
	return nil
}

// Path returns the path by which hosts reach the volume, as Grant does. Errors: ErrNotFound.
func (b *Backend) Path(id driver.VolumeID) (driver.Path, error) {
	return look(b, func() (driver.Path, error) {
		v, err := b.live(id)
		if err != nil {
			return driver.Path{}, err
		}
		return b.path(v), nil
	})
}

// Misroute makes the volume answer by the target of another one's path: a wrong cable. An empty volume ends it.
func (b *Backend) Misroute(target string, volume driver.VolumeID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if volume == "" {
		delete(b.misrouted, target)
		return
	}
	b.misrouted[target] = volume
}

func (b *Backend) reaches(v *volume, initiator string) bool {
	return !b.controlsAccess() || slices.Contains(v.access, initiator)
}

// open opens the volume.
func (b *Backend) open(v *volume, initiator string) (closeSession func()) {
	if v.partial != "" {
		b.violate("volume %s was opened by %s in the middle of a revert", v.id, initiator)
	}
	s := &session{initiator: initiator, since: b.tick()}
	v.sessions = append(v.sessions, s)
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		v.sessions = slices.DeleteFunc(v.sessions, func(o *session) bool { return o == s })
	})
}

// GuestWrite writes as a guest behind the initiator would: only with access and an open session.
// Errors: ErrPermission, ErrNotFound, ErrInvalid beyond the end.
func (b *Backend) GuestWrite(initiator string, id driver.VolumeID, p []byte, off int64) error {
	_, err := look(b, func() (struct{}, error) {
		v, err := b.live(id)
		if err != nil {
			return struct{}{}, err
		}
		open := slices.ContainsFunc(v.sessions, func(s *session) bool { return s.initiator == initiator })
		if !open || !b.reaches(v, initiator) {
			return struct{}{}, driver.Errorf(driver.ErrPermission, "%s has volume %s not open, or no access", initiator, id)
		}
		return struct{}{}, v.write(p, off)
	})
	return err
}
