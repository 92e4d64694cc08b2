-- A login that waits for its second factor. The id that the caller holds and the code are kept as keyed digests only.
CREATE TABLE challenges (
    id UUID PRIMARY KEY,
    token_mac BYTEA NOT NULL UNIQUE,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_version BIGINT NOT NULL,
    code_mac BYTEA NOT NULL,
    attempts INTEGER NOT NULL,
    audience TEXT NOT NULL,
    device_name TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    resend_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    consumed_at TIMESTAMPTZ
);

CREATE INDEX challenges_user_id ON challenges (user_id);
CREATE INDEX challenges_expires_at ON challenges (expires_at);
