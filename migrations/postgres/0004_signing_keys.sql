CREATE TABLE signing_keys (
    id UUID PRIMARY KEY,
    algorithm TEXT NOT NULL,
    -- The private key (PKCS #8), encrypted under the master key with the id as associated data.
    sealed_private_key BYTEA NOT NULL,
    active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- One key signs at a time: of several replicas that start at once, one makes it and the others find it.
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (algorithm) WHERE active;
