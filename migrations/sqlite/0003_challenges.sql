-- A login that waits for its second factor. The id that the caller holds and the code are kept as keyed digests only.
CREATE TABLE challenges (
    id BLOB PRIMARY KEY,
    token_mac BLOB NOT NULL UNIQUE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_version INTEGER NOT NULL,
    code_mac BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    audience TEXT NOT NULL,
    device_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    resend_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    consumed_at INTEGER
) STRICT;

CREATE INDEX challenges_user_id ON challenges (user_id);
CREATE INDEX challenges_expires_at ON challenges (expires_at);
