-- Times are microseconds since 1970-01-01 UTC; ids are the 16 bytes of a UUID.
-- username and email keep what was typed; the keys are what must be unique (normalised, case-folded).
CREATE TABLE users (
    id BLOB PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    email_verified INTEGER NOT NULL,
    password_hash TEXT NOT NULL,
    -- Grows with every change of password: what was begun with an older one must not complete.
    credential_version INTEGER NOT NULL,
    is_2fa_enabled INTEGER NOT NULL,
    -- Role names, separated by spaces.
    roles TEXT NOT NULL,
    -- The Register request that made the user, so that a retry finds it.
    request_id BLOB UNIQUE,
    disabled_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
