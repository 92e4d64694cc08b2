-- Attempts that are counted. A key is a keyed digest of what is limited and whose budget it is: no name that was tried is here.
CREATE TABLE throttles (
    key BYTEA PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    next_allowed_at TIMESTAMPTZ NOT NULL,
    -- From then on it is as though there had been none.
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX throttles_expires_at ON throttles (expires_at);

-- The known device that a login came from: its codes count against its own budget. Empty for all others.
ALTER TABLE challenges ADD COLUMN device_id UUID;
