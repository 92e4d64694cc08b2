-- Changes of addresses by their users (ADR 51).

-- The address that a code was sent to, where it is to become the account's. Empty for all other codes.
ALTER TABLE mailbox_codes ADD COLUMN new_email TEXT;

-- An account that is deleted leaves no address behind: its rows are found by this.
CREATE INDEX mailbox_codes_new_email ON mailbox_codes (user_id) WHERE new_email IS NOT NULL;

-- Changes that can be undone, by a code that was sent to the former address.
CREATE TABLE email_changes (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The user's credential version after the change: it tells the order of changes.
    number BIGINT NOT NULL,
    -- A keyed digest of the code.
    code_mac BYTEA NOT NULL UNIQUE,
    -- The address as it was before.
    former_email TEXT NOT NULL,
    former_email_key TEXT NOT NULL,
    was_verified BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX email_changes_user_id ON email_changes (user_id);
CREATE INDEX email_changes_expires_at ON email_changes (expires_at);
