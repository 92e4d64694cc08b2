-- Signing keys that follow one another: which one signs follows from their times. "active" is for replicas of the release that
-- had one key for ever: they use the key for which it is true.
ALTER TABLE signing_keys ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
-- Empty in keys of that release, which sign from the beginning.
ALTER TABLE signing_keys ADD COLUMN signs_from TIMESTAMPTZ;
ALTER TABLE signing_keys ADD COLUMN retired_at TIMESTAMPTZ;

-- Keys that somebody has put out of use by hand.
UPDATE signing_keys SET retired_at = created_at WHERE NOT active;
UPDATE signing_keys SET generation = (
    SELECT COUNT(*) FROM signing_keys AS earlier WHERE earlier.algorithm = signing_keys.algorithm
    AND (earlier.created_at, earlier.id) <= (signing_keys.created_at, signing_keys.id));

-- Of several replicas that make the next key, one does, and the others find it.
CREATE UNIQUE INDEX signing_keys_generation ON signing_keys (algorithm, generation);
