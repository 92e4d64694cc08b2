-- Users who are none before they have shown that their address is theirs (ADR 56).

-- A registration that waits. It holds neither its name nor its address: others may have both.
CREATE TABLE pending_users (
    -- The user's id to be.
    id UUID PRIMARY KEY,
    username TEXT NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    is_2fa_enabled BOOLEAN NOT NULL,
    -- The request, so that it can be sent again.
    request_id UUID UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX pending_users_expires_at ON pending_users (expires_at);

-- The pending user whose address the code verifies. NULL for codes of users, and where nobody is to get one.
ALTER TABLE mailbox_codes ADD COLUMN pending_user_id UUID;
