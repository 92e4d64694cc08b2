-- Until when the address must be verified, or the account ends. Empty where nobody asked for that at its registration.
ALTER TABLE users ADD COLUMN verify_by INTEGER;

CREATE INDEX users_verify_by ON users (verify_by) WHERE verify_by IS NOT NULL;

-- The key of the address that an account claims while another one has it and nobody has verified it. Its email_key is then
-- one that no address has. Whoever verifies the address gets its key.
ALTER TABLE users ADD COLUMN claimed_email_key TEXT;

CREATE INDEX users_claimed_email_key ON users (claimed_email_key) WHERE claimed_email_key IS NOT NULL;
