package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/storagesnap/storagesnap/snapshot"
)

// say is what a step means, in words for a person who has never seen this code. {volume}, {snapshot}, {keep}, {host} and
// {backend} stand for names.
type say struct {
	// aim is what it is for ("make ..."); done, unknown and undone are sentences for how far it is.
	aim, done, unknown, undone string
	// For a pivot: what a person must have seen to say that it took place, or did not, and what follows from the word.
	proof, ifDone       string
	disproof, ifNotDone string
}

// named puts the names of things into a text.
func (r *run) named(text string) string {
	if r.names == nil {
		return text
	}
	return r.names.Replace(text)
}

// learnNames looks up what things are called; what is not in the inventory any more is called by its id.
func (r *run) learnNames(ctx context.Context) {
	for _, m := range r.members {
		_ = r.with(m, func() error { r.learnNamesOf(ctx); return nil })
	}
}

func (r *run) learnNamesOf(ctx context.Context) {
	volume, name := r.p.Volume.String(), ""
	if vol, err := r.e.inv.Volume(ctx, r.p.Volume); err == nil {
		r.vol, name = vol, vol.Name
	}
	host := "the host"
	if r.p.Host != "" {
		host = fmt.Sprintf("host %q", r.p.Host)
	}
	r.names = strings.NewReplacer(
		"{volume}", called("volume", name, volume),
		"{snapshot}", r.calledSnapshot(ctx, r.p.Snapshot),
		"{keep}", r.calledSnapshot(ctx, r.p.Keep),
		"{host}", host,
		"{backend}", fmt.Sprintf("backend %q", r.p.Backend),
	)
}

func (r *run) calledSnapshot(ctx context.Context, id snapshot.ID) string {
	name := ""
	if id.IsZero() {
		return "the snapshot"
	}
	if s, err := r.e.inv.Snapshot(ctx, id); err == nil {
		name = s.Name
	}
	return called("snapshot", name, id.String())
}

func called(what, name, id string) string {
	if name == "" {
		return what + " " + id
	}
	return fmt.Sprintf("%s %q", what, name)
}
