-- Since when, by the clock of whoever wrote it, the message waits or is being sent. A later time than now is a clock that was
-- ahead, and nobody waits for it to be over (ADR 23). Empty in rows of an earlier release.
ALTER TABLE outbox ADD COLUMN waits_since TIMESTAMPTZ;

CREATE INDEX outbox_since ON outbox (waits_since);
