package sqlstore

// A star marks a column that stands in an index; see [table.touch]. A snapshot's expires_at stands in one too and has none:
// where it is NULL, as it mostly is, an equation would find no row and the index has no entry to write.

const volumeColumns = `id version change_id backend* native* former* name external_id* owner* labels host* disk serial size
	container head head_unknown snapshot_count origin* origin_volume token pending created_at deleted_at independent`

const snapshotColumns = `id version change_id volume* parent* name* labels owner* state token* native native_volume created_at
	taken_at size lineage consistency frozen_ns group_id* expires_at holds pins quiesce`

const operationColumns = `seq id change_id kind format state is_open volumes* actor owner args args_hash undoing step_cursor
	steps detail result error error_class reason attempts next_at cancel_asked created_at updated_at lease_owner lease_until
	epoch`

const recordColumns = `kind id version change_id volume due data`
