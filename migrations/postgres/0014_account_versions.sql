-- A session lives only in the epoch in which it began: ending all sessions of a user is one row, however many there are.
ALTER TABLE users ADD COLUMN session_epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
-- Grows with every change of the second factors: challenges that were begun before it are void.
ALTER TABLE users ADD COLUMN factor_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE challenges ADD COLUMN factor_version BIGINT NOT NULL DEFAULT 0;
-- Set by DeleteMe, which leaves nothing personal in the row; the janitor removes it with all that refers to it.
ALTER TABLE users ADD COLUMN deleted_at TIMESTAMPTZ;

CREATE INDEX users_deleted_at ON users (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX sessions_live ON sessions (user_id, epoch, created_at) WHERE revoked_at IS NULL;

-- Of a user's revocation: tokens of sessions of an earlier epoch are void, those of the kept session aside.
ALTER TABLE revocations ADD COLUMN session_epoch BIGINT;
ALTER TABLE revocations ADD COLUMN kept_session_id UUID;
