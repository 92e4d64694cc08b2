-- Passkeys (WebAuthn, ADR 53).

-- What authenticators know the user by: 64 random bytes, drawn when the first passkey is asked for.
ALTER TABLE users ADD COLUMN passkey_handle BYTEA;

CREATE TABLE passkeys (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The authenticator's id of the credential, of 1 to 1,023 bytes.
    credential_id BYTEA NOT NULL UNIQUE,
    -- A COSE key.
    public_key BYTEA NOT NULL,
    -- The highest signature counter that was seen; 0 of an authenticator without one.
    sign_count BIGINT NOT NULL,
    backup_eligible BOOLEAN NOT NULL,
    backed_up BOOLEAN NOT NULL,
    -- Words with spaces between them.
    transports TEXT NOT NULL,
    aaguid UUID NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ
);

CREATE INDEX passkeys_user_id ON passkeys (user_id);
