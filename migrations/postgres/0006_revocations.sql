-- What voids access tokens that have not expired, in the order in which it was committed.
CREATE TABLE revocations (
    seq BIGINT PRIMARY KEY,
    session_id UUID,
    user_id UUID,
    not_before TIMESTAMPTZ NOT NULL,
    -- By then, every token that it concerns has expired.
    expires_at TIMESTAMPTZ NOT NULL,
    CHECK ((session_id IS NULL) <> (user_id IS NULL))
);

CREATE INDEX revocations_expires_at ON revocations (expires_at);

-- The last number given. Whoever revokes holds this row until the commit, so that the numbers are in the order of the
-- commits: a reader that has seen one has seen all before it.
CREATE TABLE revocation_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL
);

INSERT INTO revocation_head (id, seq) VALUES (1, 0);
