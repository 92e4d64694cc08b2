-- Messages to people that have not been sent yet. Each was written in the transaction that caused it.
CREATE TABLE outbox (
    id BLOB PRIMARY KEY,
    -- Encrypted under the master key with the id as associated data: there are codes and addresses in it.
    sealed_message BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    -- From when it may be sent. Whoever sends it moves this ahead, which keeps the others away for that long.
    next_try_at INTEGER NOT NULL,
    -- How often somebody began to send it.
    tries INTEGER NOT NULL,
    -- From then on it is of no use.
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_next_try_at ON outbox (next_try_at);
