-- What is sent first: 0 login codes, 1 other codes, 2 notices.
ALTER TABLE outbox ADD COLUMN priority SMALLINT NOT NULL DEFAULT 1;
-- Whose request caused it and to whom it goes, as keyed digests; empty in rows of an earlier release. What has the same
-- priority and the same source, or the same account, is a line.
ALTER TABLE outbox ADD COLUMN source BYTEA;
ALTER TABLE outbox ADD COLUMN account BYTEA;
-- When its lines have their turn: every line is served once before any is served again.
ALTER TABLE outbox ADD COLUMN turn BIGINT NOT NULL DEFAULT 1;
-- Whether it waits to be sent. What is claimed or put off waits for a time, and those who claim must not walk over it.
ALTER TABLE outbox ADD COLUMN ready BOOLEAN NOT NULL DEFAULT TRUE;

-- The order in which messages are claimed.
CREATE INDEX outbox_order ON outbox (priority, tries, turn, created_at) WHERE ready;
-- Which of the others have waited long enough.
CREATE INDEX outbox_resting ON outbox (next_try_at) WHERE NOT ready;
-- Since when the oldest of a priority is due. By an expression, so that no other statement goes by this index and sorts.
CREATE INDEX outbox_due ON outbox ((priority + 0), next_try_at);
-- The last turn of a line.
CREATE INDEX outbox_source ON outbox (source, priority, turn) WHERE tries = 0;
CREATE INDEX outbox_account ON outbox (account, priority, turn) WHERE tries = 0;
-- Replicas of the release before read this table as a whole from now on; they are few, and so are its rows as a rule.
DROP INDEX outbox_next_try_at;
