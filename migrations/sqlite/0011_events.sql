-- What matters for security: appended, never changed, removed when it is old enough.
CREATE TABLE events (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    -- No foreign keys: events outlive their user and their session. Empty where a login named no user that exists.
    user_id BLOB,
    session_id BLOB,
    address TEXT,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX events_at ON events (at);

CREATE INDEX events_user_at ON events (user_id, at);
