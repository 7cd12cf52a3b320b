package drivertest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

// TestReferenceBackend is the suite as a vendor runs it.
func TestReferenceBackend(t *testing.T) {
	Run(t, newRig(BackendOptions{}).harness())
}

// TestSuiteOverFacts proves that the suite's expectations follow the facts: an array may behave in any of these ways.
func TestSuiteOverFacts(t *testing.T) {
	for _, c := range factCases() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(c.opts)
				r.container = c.container
				skips := map[string]bool{}
				for _, res := range evaluate(t, r.harness()) {
					require.NotEqual(t, failed, res.status, "%s:\n%s", res.name, strings.Join(res.messages, "\n"))
					skips[res.name] = res.status == skipped
					require.NotContains(t, res.note, "left behind", res.name)
				}
				for _, name := range c.reached {
					require.False(t, skips[name], "%s is skipped: %v", name, c.name)
				}
				require.Empty(t, r.b.Violations(), "the suite broke a promise that an engine gives")
				require.Zero(t, r.b.Jobs())
				for _, s := range r.b.AllSnapshots() {
					require.Empty(t, s.Ref.Token, "the suite left a snapshot behind")
				}
			})
		})
	}
}

type factCase struct {
	name      string
	opts      BackendOptions
	container driver.ContainerID
	// reached are checks that must not be skipped here.
	reached []string
}

func factCases() []factCase {
	facts := func(f driver.Facts) BackendOptions { return BackendOptions{Facts: f} }
	cases := []factCase{
		{name: "comfortable", reached: []string{"revert/keeps-every-snapshot", "lost/create-then-resume", "foreign/can-be-reverted-to"}},
		{name: "settle", opts: facts(driver.Facts{Settle: 5 * time.Second}), reached: []string{
			"lookup/waits-until-no-send-can-land", "lookup/running-out-of-time-is-not-absence",
		}},
		{name: "drops younger", opts: facts(driver.Facts{RevertDropsYounger: true}), reached: []string{
			"revert/drops-exactly-the-younger", "revert/undeclared-drop-is-refused", "foreign/younger-ones-need-consent",
		}},
		{name: "changes id", opts: facts(driver.Facts{RevertChangesID: true}), reached: []string{
			"revert/old-references-stay-valid", "revert/new-snapshots-after-a-changed-id",
		}},
		{name: "drops younger and changes id", opts: facts(driver.Facts{RevertDropsYounger: true, RevertChangesID: true})},
		{name: "needs detach", opts: facts(driver.Facts{RevertNeedsDetach: true})},
		{name: "fenced", opts: facts(driver.Facts{RevertFenced: true}), reached: []string{"revert/while-open", "revert/fenced-token-applies-once"}},
		{name: "fenced and needs detach", opts: facts(driver.Facts{RevertFenced: true, RevertNeedsDetach: true})},
		{name: "not atomic", opts: facts(driver.Facts{RevertNonAtomic: true}), reached: []string{"revert/torn-one-is-completed"}},
		{name: "dependent", opts: facts(driver.Facts{SnapshotsDependent: true})},
		{name: "dependent and drops younger", opts: facts(driver.Facts{SnapshotsDependent: true, RevertDropsYounger: true})},
		{name: "die with volume", opts: facts(driver.Facts{SnapshotsDieWithVolume: true}), reached: []string{"volumes/delete-with-snapshots"}},
		{name: "trash", opts: facts(driver.Facts{DeleteToTrash: true})},
		{name: "token in name", opts: BackendOptions{
			Facts: driver.Facts{TokenInName: true}, Limits: driver.Limits{NameLength: 64},
		}},
		{name: "clones until split", opts: facts(driver.Facts{CloneDependence: driver.CloneUntilSplit}), reached: []string{"split/frees-the-snapshot"}},
		{name: "clones dependent", opts: facts(driver.Facts{CloneDependence: driver.CloneDependent})},
		{name: "group breaks", opts: facts(driver.Facts{GroupMemberDelete: driver.MemberDeleteBreaksGroup})},
		{name: "group whole", opts: facts(driver.Facts{GroupMemberDelete: driver.MemberDeleteRefused})},
		{name: "group not atomic", opts: facts(driver.Facts{GroupNonAtomic: true})},
		{name: "container apart", opts: facts(container())},
		{name: "container shared", opts: facts(container()), container: "pool", reached: []string{"volume/siblings-are-mutual"}},
		{name: "container shared, dependent, drops younger", container: "pool", opts: facts(func() driver.Facts {
			f := container()
			f.SnapshotsDependent, f.RevertDropsYounger = true, true
			return f
		}())},
		{name: "limits", opts: BackendOptions{Limits: driver.Limits{
			SnapshotsPerVolume: 8, GroupSize: 3, NameLength: 40, MinVolumeSize: 1 << 21, MaxVolumeSize: 1 << 24, VolumeGranularity: 1 << 20,
		}}, reached: []string{
			"limits/snapshots-of-a-volume", "limits/room-again-after-a-delete", "volumes/bad-sizes-are-invalid",
		}},
		{name: "limits with a trash that counts", opts: BackendOptions{
			Facts: driver.Facts{DeleteToTrash: true}, Limits: driver.Limits{SnapshotsPerVolume: 16}, TrashCounts: true,
		}},
		{name: "slow", opts: BackendOptions{
			Facts: driver.Facts{Settle: time.Second}, Latency: 3 * time.Millisecond, CloneTime: time.Minute / 2,
		}},
		{name: "slow jobs that cannot be canceled", opts: BackendOptions{CloneTime: 20 * time.Second, JobsCannotBeCanceled: true}},
		{name: "bare", opts: BackendOptions{Without: abilityNames()}, reached: []string{"revert/restores-bytes"}},
		{name: "unlicensed", opts: BackendOptions{Unlicensed: abilityNames()}},
	}
	return append(cases, factCase{name: "everything awkward", opts: BackendOptions{
		Facts: driver.Facts{
			Settle: time.Second, RevertNeedsDetach: true, RevertDropsYounger: true, RevertNonAtomic: true, RevertChangesID: true,
			SnapshotsDependent: true, SnapshotsDieWithVolume: true, DeleteToTrash: true, TokenInName: true,
			CloneDependence: driver.CloneUntilSplit, GroupMemberDelete: driver.MemberDeleteBreaksGroup,
		},
		Limits: driver.Limits{NameLength: 63}, Latency: time.Millisecond, CloneTime: time.Second,
	}})
}

func container() driver.Facts {
	return driver.Facts{SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer, LimitUnit: driver.UnitContainer}
}
