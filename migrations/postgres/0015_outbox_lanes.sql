-- What is sent first: 0 login codes, 1 other codes, 2 notices.
ALTER TABLE outbox ADD COLUMN priority SMALLINT NOT NULL DEFAULT 1;
-- Whose request caused it and whose account it is about, as keyed digests; empty in rows of an earlier release.
ALTER TABLE outbox ADD COLUMN source BYTEA;
ALTER TABLE outbox ADD COLUMN account BYTEA;
-- Its place in the line of its source and its account: one turn of every line is sent before the next turn of any.
ALTER TABLE outbox ADD COLUMN turn BIGINT NOT NULL DEFAULT 1;

CREATE INDEX outbox_order ON outbox (priority, tries, turn, next_try_at);
CREATE INDEX outbox_source ON outbox (source, priority, turn);
CREATE INDEX outbox_account ON outbox (account, priority, turn);
