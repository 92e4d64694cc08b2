-- Codes that show that somebody reads a mailbox. The id that the caller holds and the code are kept as keyed digests only.
CREATE TABLE mailbox_codes (
    id BLOB PRIMARY KEY,
    -- Also tells what the code is for: digests of different purposes never match.
    id_mac BLOB NOT NULL UNIQUE,
    -- None where nobody is to get a code: such a row behaves like any other, and so does that of a user who is gone.
    user_id BLOB REFERENCES users (id) ON DELETE SET NULL,
    -- The user's at the time: after a change of the credentials nobody sets a password with this.
    credential_version INTEGER NOT NULL,
    -- Among whose failed codes those for this one count: a keyed digest.
    budget BLOB NOT NULL,
    code_mac BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    consumed_at INTEGER
) STRICT;

CREATE INDEX mailbox_codes_user_id ON mailbox_codes (user_id);
CREATE INDEX mailbox_codes_expires_at ON mailbox_codes (expires_at);
