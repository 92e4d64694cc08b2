-- username and email keep what was typed; the keys are what must be unique (normalised, case-folded).
CREATE TABLE users (
    id UUID PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    email_verified BOOLEAN NOT NULL,
    password_hash TEXT NOT NULL,
    -- Grows with every change of password: what was begun with an older one must not complete.
    credential_version BIGINT NOT NULL,
    is_2fa_enabled BOOLEAN NOT NULL,
    -- Role names, separated by spaces.
    roles TEXT NOT NULL,
    -- The Register request that made the user, so that a retry finds it.
    request_id UUID UNIQUE,
    disabled_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);
