-- Keys that are the same for ever, encrypted under the master key: so the master key can be replaced.
CREATE TABLE wrapped_keys (
    name TEXT PRIMARY KEY,
    sealed_key BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
