-- Requests that were carried out, so that one whose answer was lost can be sent again (idempotency keys, ADR 43).
CREATE TABLE carried_out (
    -- A keyed digest of the request.
    key BLOB PRIMARY KEY,
    -- Encrypted: it may hold a secret that is told once.
    sealed_answer BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX carried_out_expires_at ON carried_out (expires_at);
