CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The user's at the time: the session is void once it has grown.
    credential_version INTEGER NOT NULL,
    audience TEXT NOT NULL,
    device_name TEXT NOT NULL,
    -- Authentication methods (RFC 8176), separated by spaces.
    amr TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
