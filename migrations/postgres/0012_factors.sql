-- An authenticator app. A user has one that is confirmed at the most; enrolments that are not are removed when they expire.
CREATE TABLE totp_factors (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The user's when it began: after a change of password it can no longer be confirmed.
    credential_version BIGINT NOT NULL,
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
CREATE INDEX totp_factors_expires_at ON totp_factors (expires_at) WHERE confirmed_at IS NULL;

-- Recovery codes, as keyed digests. A code is used up by removing its row.
CREATE TABLE recovery_codes (
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_mac BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, code_mac)
);

-- What can answer the challenge, as words with spaces between them. A release that knew codes by mail alone writes none of it.
ALTER TABLE challenges ADD COLUMN factors TEXT NOT NULL DEFAULT 'email_code';
