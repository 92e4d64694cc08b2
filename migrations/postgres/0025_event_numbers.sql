-- Events are numbered after they were committed, round by round: the numbers are in the order of the commits (ADR 38). NULL is one that is
-- still to be numbered, also where a replica of the release before wrote it; 0 one of before there were numbers. The default fills the rows
-- that there are without writing them.
ALTER TABLE events ADD COLUMN seq BIGINT DEFAULT 0;
ALTER TABLE events ALTER COLUMN seq SET DEFAULT NULL;

CREATE UNIQUE INDEX events_seq ON events (seq) WHERE seq > 0;
-- As a rule there are none.
CREATE INDEX events_unnumbered ON events (id) WHERE seq IS NULL;

-- The last number given. A round that numbers events holds this row until its commit.
CREATE TABLE event_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL
);

INSERT INTO event_head (id, seq) VALUES (1, 0);

-- A page of events is read in the order of one of these.
CREATE INDEX events_page ON events (at, id);
CREATE INDEX events_user_page ON events (user_id, at, id);
DROP INDEX events_at;
DROP INDEX events_user_at;

-- The subscription concerned. No foreign key: events outlive it.
ALTER TABLE events ADD COLUMN subscription_id UUID;

-- Who gets events by webhook.
CREATE TABLE subscriptions (
    id UUID PRIMARY KEY,
    url TEXT NOT NULL,
    -- Names with spaces between them; empty is all kinds.
    kinds TEXT NOT NULL,
    sealed_secret BYTEA NOT NULL,
    -- Events up to this number are in the outbox, or were not wanted.
    seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    -- Since when no delivery succeeded; NULL if the last one did.
    failing_since TIMESTAMPTZ,
    -- The receiver asked for a pause until then.
    paused_until TIMESTAMPTZ,
    disabled_at TIMESTAMPTZ
);

-- Whose event it is, in messages that are events.
ALTER TABLE outbox ADD COLUMN subscription_id UUID;

CREATE INDEX outbox_subscription ON outbox (subscription_id, next_try_at) WHERE subscription_id IS NOT NULL;
