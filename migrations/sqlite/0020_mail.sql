-- The challenge or mailbox code that a message is about, whose it is, and what for: 0 login, 1 verification, 2 reset. Empty in
-- notices, and in rows of an earlier release. By these a code that is void leaves the outbox.
ALTER TABLE outbox ADD COLUMN code_id BLOB;
ALTER TABLE outbox ADD COLUMN user_id BLOB;
ALTER TABLE outbox ADD COLUMN purpose INTEGER;
-- Whether somebody sends it, until next_try_at.
ALTER TABLE outbox ADD COLUMN in_flight INTEGER NOT NULL DEFAULT 0;
-- Void while somebody sends it. It stays until that has ended, and what took its place waits for that.
ALTER TABLE outbox ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
-- How often nobody knew afterwards whether it was accepted.
ALTER TABLE outbox ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;

CREATE INDEX outbox_codes ON outbox (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX outbox_withdrawn ON outbox (next_try_at) WHERE withdrawn;

-- Addresses that are not ASCII: their keys are made anew by the program after the migrations (ADR 24), for no statement knows
-- how. Few rows, found without reading all.
CREATE INDEX users_email_not_ascii ON users (id) WHERE length(CAST(email AS BLOB)) <> length(email);
