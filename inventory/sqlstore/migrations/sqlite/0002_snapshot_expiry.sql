-- What has expired is found without looking at what has not.
CREATE INDEX {snapshot_expiry} ON {snapshot} (expires_at, id) WHERE expires_at IS NOT NULL;
