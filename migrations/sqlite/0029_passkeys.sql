-- Passkeys (WebAuthn, ADR 53).

-- What authenticators know the user by: 64 random bytes, drawn when the first passkey is asked for.
ALTER TABLE users ADD COLUMN passkey_handle BLOB;

CREATE TABLE passkeys (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The authenticator's id of the credential, of 1 to 1,023 bytes.
    credential_id BLOB NOT NULL UNIQUE,
    -- A COSE key.
    public_key BLOB NOT NULL,
    -- The highest signature counter that was seen; 0 of an authenticator without one.
    sign_count INTEGER NOT NULL,
    backup_eligible INTEGER NOT NULL,
    backed_up INTEGER NOT NULL,
    -- Words with spaces between them.
    transports TEXT NOT NULL,
    aaguid BLOB NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE INDEX passkeys_user_id ON passkeys (user_id);
