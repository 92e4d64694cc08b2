-- Requests that were carried out, so that one whose answer was lost can be sent again (idempotency keys, ADR 43).
CREATE TABLE carried_out (
    -- A keyed digest of the request.
    key BYTEA PRIMARY KEY,
    -- Encrypted: it may hold a secret that is told once.
    sealed_answer BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX carried_out_expires_at ON carried_out (expires_at);
