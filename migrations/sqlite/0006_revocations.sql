-- What voids access tokens that have not expired, in the order in which it was committed.
CREATE TABLE revocations (
    seq INTEGER PRIMARY KEY,
    session_id BLOB,
    user_id BLOB,
    not_before INTEGER NOT NULL,
    -- By then, every token that it concerns has expired.
    expires_at INTEGER NOT NULL,
    CHECK ((session_id IS NULL) <> (user_id IS NULL))
) STRICT;

CREATE INDEX revocations_expires_at ON revocations (expires_at);

-- The last number given. Whoever revokes holds this row until the commit, so that the numbers are in the order of the
-- commits: a reader that has seen one has seen all before it.
CREATE TABLE revocation_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;

INSERT INTO revocation_head (id, seq) VALUES (1, 0);
