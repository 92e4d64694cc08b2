CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The user's at the time: the session is void once it has grown.
    credential_version BIGINT NOT NULL,
    audience TEXT NOT NULL,
    device_name TEXT NOT NULL,
    -- Authentication methods (RFC 8176), separated by spaces.
    amr TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
