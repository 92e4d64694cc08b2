-- Machines that call, and what their tokens may say.
CREATE TABLE service_accounts (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Separated by spaces.
    scopes TEXT NOT NULL,
    -- Separated by spaces; empty is the server's first one.
    audiences TEXT NOT NULL,
    may_exchange INTEGER NOT NULL,
    -- Public keys of its own: as a JWK set, or where that is.
    jwks TEXT,
    jwks_url TEXT,
    -- Tokens of an earlier epoch are void.
    epoch INTEGER NOT NULL,
    disabled_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

-- Secrets of service accounts, as keyed digests. A revoked one is deleted.
CREATE TABLE service_keys (
    id BLOB PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES service_accounts (id),
    digest BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- To about a minute.
    last_used_at INTEGER
) STRICT;

CREATE INDEX service_keys_account ON service_keys (account_id);

-- Workloads, as other issuers name them, and the service account that each is.
CREATE TABLE service_workloads (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    account_id BLOB NOT NULL REFERENCES service_accounts (id),
    PRIMARY KEY (issuer, subject)
) STRICT;

CREATE INDEX service_workloads_account ON service_workloads (account_id);

-- Assertions that were shown once, until they expire (replay).
CREATE TABLE used_assertions (
    digest BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX used_assertions_expires_at ON used_assertions (expires_at);

-- Of a revocation of a service account's tokens, or of one token. The id is in user_id, too: a release that does not know these
-- columns takes it for a user whom there is not.
ALTER TABLE revocations ADD COLUMN service_account_id BLOB;
ALTER TABLE revocations ADD COLUMN token_id BLOB;

CREATE INDEX revocations_token ON revocations (token_id) WHERE token_id IS NOT NULL;

-- The service account that was changed.
ALTER TABLE events ADD COLUMN service_account_id BLOB;
