package engine

import (
	"encoding/json"
	"time"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot"
)

// detail is the engine's own part of the journal: whatever a later process needs to go on, all of it chosen or read before
// anything was touched, or learnt from a step. It holds no secret.
type detail struct {
	// part is that of the operation's main volume, Others are those of the rest.
	part
	Others []*part `json:"others,omitempty"`
	// IfVersion is that of the plan that the request goes by, and Outdated that the operation failed for it.
	IfVersion string `json:"if_version,omitempty"`
	Outdated  bool   `json:"outdated,omitempty"`
	// Gone are the snapshots that a revert has dropped and that were taken out of the trees so far.
	Gone []snapshot.ID `json:"gone,omitempty"`
	// Group is the one that is made, reverted or deleted; Shots are the calls that take its snapshots, Freeze how writes are
	// held meanwhile, and Skew how far apart the calls were.
	Group  snapshot.GroupID `json:"group,omitzero"`
	Shots  []shot           `json:"shots,omitempty"`
	Freeze *freeze          `json:"freeze,omitempty"`
	Skew   time.Duration    `json:"skew,omitempty"`
	// Containers are those that it has for itself.
	Containers []string `json:"containers,omitempty"`
	// Decisions are what persons decided about it, in order; Suspended is who stopped it, while it is.
	Decisions []decision `json:"decisions,omitempty"`
	Suspended *word      `json:"suspended,omitempty"`
	// Trace is the W3C traceparent of the operation's first span, for those of later processes to link to.
	Trace string `json:"trace,omitempty"`
}

// part is what the journal remembers of one volume of an operation.
type part struct {
	Volume snapshot.VolumeID `json:"volume,omitzero"`
	// Follows: it is rolled back together with another member, by that one's call.
	Follows bool            `json:"follows,omitempty"`
	Backend string          `json:"backend,omitempty"`
	Native  driver.VolumeID `json:"native,omitempty"`
	// Token is that of the main effect: the snapshot, the revert, the clone. AccessToken and HostToken are those of what
	// is done around it at the array and the host, for each effect has its own.
	Token       driver.Token `json:"token,omitempty"`
	AccessToken driver.Token `json:"access_token,omitempty"`
	HostToken   driver.Token `json:"host_token,omitempty"`
	SplitToken  driver.Token `json:"split_token,omitempty"`
	// Snapshot is the one that is made, deleted, reverted to or cloned, and Ref how the array knows it.
	Snapshot snapshot.ID        `json:"snapshot,omitzero"`
	Ref      driver.SnapshotRef `json:"ref,omitzero"`
	// Was is the state of the snapshot before the operation changed it.
	Was snapshot.State `json:"was,omitempty"`
	// Keep is the snapshot of the content now that a revert takes first.
	Keep    snapshot.ID        `json:"keep,omitzero"`
	KeepRef driver.SnapshotRef `json:"keep_ref,omitzero"`
	// Made and Kept are what the array said of the new snapshots.
	Made *made `json:"made,omitempty"`
	Kept *made `json:"kept,omitempty"`

	// MayDrop is what a revert was allowed to drop, Dropped what it did.
	MayDrop []driver.SnapshotRef `json:"may_drop,omitempty"`
	Dropped []driver.SnapshotRef `json:"dropped,omitempty"`

	// Host, Attachment, Access and Path are how the volume was attached and reached before, and is again after.
	Host       string              `json:"host,omitempty"`
	Attachment *driver.Attachment  `json:"attachment,omitempty"`
	Access     driver.AccessRecord `json:"access,omitempty"`
	Path       *driver.Path        `json:"path,omitempty"`
	Disk       driver.Disk         `json:"disk,omitempty"`
	// Source is a clone's source, as the host knows it.
	Source *driver.LUN `json:"source,omitempty"`

	// WordOnly: nothing but a person's word keeps writers away from a revert. ChangesID: the volume has another id after it.
	// Partial: the array said that the main effect took place in part.
	WordOnly  bool `json:"word_only,omitempty"`
	ChangesID bool `json:"changes_id,omitempty"`
	Partial   bool `json:"partial,omitempty"`
	// Net is what the array is told of the snapshot's expiry.
	Net *net `json:"net,omitempty"`

	// Recoverable is when the array's trash gives up what was deleted.
	Recoverable time.Time `json:"recoverable,omitzero"`

	// Now is the volume as it is afterwards, or the new one.
	Now *volumeNow `json:"now,omitempty"`
}

// made is what the array said of a snapshot that it made.
type made struct {
	Native  string    `json:"native"`
	TakenAt time.Time `json:"taken_at"`
	Size    int64     `json:"size"`
}

// volumeNow is what the array said of a volume.
type volumeNow struct {
	Native    driver.VolumeID    `json:"native"`
	Name      string             `json:"name,omitempty"`
	Serial    string             `json:"serial,omitempty"`
	Size      int64              `json:"size"`
	Container driver.ContainerID `json:"container,omitempty"`
}

func nowOf(v driver.Volume) *volumeNow {
	return &volumeNow{Native: v.ID, Name: v.Name, Serial: v.Serial, Size: v.Size, Container: v.Container}
}

func madeOf(s driver.Snapshot) *made {
	return &made{Native: s.Ref.ID, TakenAt: micro(s.CreatedAt), Size: s.Size}
}

func (d detail) encode() json.RawMessage {
	doc, err := json.Marshal(d)
	if err != nil { // plain data; a vendor's broken RawMessage is the only way
		return nil
	}
	return doc
}

func decodeDetail(doc json.RawMessage) (detail, error) {
	var d detail
	if len(doc) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(doc, &d); err != nil {
		return d, driver.Errorf(driver.ErrInvalid, "the journal's detail cannot be read: %w", err)
	}
	return d, nil
}
