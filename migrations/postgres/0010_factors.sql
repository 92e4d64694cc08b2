-- An authenticator app. A user has one that is confirmed at the most; enrolments that are not are removed when they expire.
CREATE TABLE totp_factors (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Encrypted under the master key with the id as associated data.
    sealed_secret BYTEA NOT NULL,
    -- The last time step whose code was accepted: no step counts twice.
    last_step BIGINT NOT NULL,
    -- Codes tried to confirm it.
    attempts INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ
);

CREATE INDEX totp_factors_user_id ON totp_factors (user_id);
CREATE UNIQUE INDEX totp_factors_confirmed ON totp_factors (user_id) WHERE confirmed_at IS NOT NULL;

-- Recovery codes, as keyed digests. A code is used up by removing its row.
CREATE TABLE recovery_codes (
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_mac BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, code_mac)
);
