package sqlstore

import (
	"github.com/storagesnap/storagesnap/inventory"
)

const operationRead = `o.seq, o.id, o.kind, o.format, o.state, o.volumes, o.actor, o.owner, o.args, o.args_hash, o.undoing,
	o.step_cursor, o.steps, o.detail, o.result, o.error, o.error_class, o.reason, o.attempts, o.next_at, o.cancel_asked,
	o.created_at, o.updated_at, o.lease_owner, o.lease_until, o.epoch`

// operationRow is the destination of the columns operationRead.
func operationRow(o *inventory.Operation) *row {
	r := &row{}
	number(r, &o.Seq)
	identity(r, &o.ID)
	text(r, &o.Kind)
	number(r, &o.Format)
	text(r, (*string)(&o.State))
	identities(r, &o.Volumes)
	text(r, &o.Actor)
	text(r, &o.Owner)
	rawDocument(r, &o.Args)
	text(r, &o.ArgsHash)
	truth(r, &o.Undoing)
	number(r, &o.Cursor)
	steps(r, &o.Steps)
	rawDocument(r, &o.Detail)
	rawDocument(r, &o.Result)
	text(r, &o.Error)
	number(r, &o.ErrorClass)
	text(r, &o.Reason)
	number(r, &o.Attempts)
	instant(r, &o.NextAt)
	truth(r, &o.CancelAsked)
	instant(r, &o.CreatedAt)
	instant(r, &o.UpdatedAt)
	text(r, &o.LeaseOwner)
	instant(r, &o.LeaseUntil)
	number(r, &o.Epoch)
	return r
}

// operationValues returns the parameters of the operation's statements: operationColumns, if_epoch, if_seq, ttl and now,
// which is filled in when the statement runs.
func operationValues(id inventory.ChangeID, c *inventory.OperationChange) ([]any, error) {
	o := &c.Operation
	list, err := stepsValue(o.Steps)
	if err != nil {
		return nil, invalid("operation %s: steps: %v", o.ID, err)
	}
	var ttl any // none, and no end of it
	if c.LeaseTTL > 0 {
		ttl = c.LeaseTTL.Microseconds()
	}
	return []any{
		nil, idValue(o.ID), idValue(id), o.Kind, o.Format, string(o.State), boolValue(o.State.Open()), idsValue(o.Volumes),
		o.Actor, o.Owner, string(o.Args), o.ArgsHash, boolValue(o.Undoing), o.Cursor, list, string(o.Detail),
		string(o.Result), o.Error, int64(o.ErrorClass), o.Reason, o.Attempts, timeValue(o.NextAt), boolValue(o.CancelAsked),
		timeValue(o.CreatedAt), timeValue(o.UpdatedAt), o.LeaseOwner, nil, o.Epoch,
		c.IfEpoch, c.IfSeq, ttl, nil,
	}, nil
}
