-- Sessions that are refreshed, used, and taken back. What has no default is empty in sessions of a release that knew none of it:
-- they have no refresh token.
ALTER TABLE sessions ADD COLUMN refresh_salt BYTEA;
-- How often the session was refreshed: the token that works next carries this number.
ALTER TABLE sessions ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
-- The request that refreshed last, and when: a retry of it gets the same answer.
ALTER TABLE sessions ADD COLUMN refresh_request_id UUID;
ALTER TABLE sessions ADD COLUMN last_used_at TIMESTAMPTZ;
-- Where it was last used from; an IP address as text.
ALTER TABLE sessions ADD COLUMN address TEXT;
-- When it ends unless it is used before.
ALTER TABLE sessions ADD COLUMN idle_expires_at TIMESTAMPTZ;
ALTER TABLE sessions ADD COLUMN revoked_at TIMESTAMPTZ;
