-- Older programs go on working: what they write gets the defaults.
ALTER TABLE {snapshot} ADD COLUMN quiesce TEXT NOT NULL DEFAULT '';
ALTER TABLE {volume} ADD COLUMN independent INTEGER NOT NULL DEFAULT 0;
