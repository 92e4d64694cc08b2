-- When the session's user has last proved who they are after its login (Reauthenticate, ADR 52). NULL: never.
ALTER TABLE sessions ADD COLUMN reauthenticated_at TIMESTAMPTZ;

-- The session that the challenge proves once more. NULL: it begins one.
ALTER TABLE challenges ADD COLUMN session_id UUID;
