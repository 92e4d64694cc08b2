-- Deletions that can be undone for a while (ADR 57). Such an account is disabled: whatever asks whether an account may do something asks
-- for that alone.

-- When the account is deleted for good. NULL: nobody has asked for that.
ALTER TABLE users ADD COLUMN deletion_due_at TIMESTAMPTZ;

-- A keyed digest of the code that undoes it.
ALTER TABLE users ADD COLUMN deletion_code_mac BYTEA;

CREATE INDEX users_deletion_due_at ON users (deletion_due_at) WHERE deletion_due_at IS NOT NULL;
CREATE UNIQUE INDEX users_deletion_code_mac ON users (deletion_code_mac) WHERE deletion_code_mac IS NOT NULL;
