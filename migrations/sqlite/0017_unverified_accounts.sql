-- Until when the address must be verified, or the account ends. Empty where nobody asked for that at its registration.
ALTER TABLE users ADD COLUMN verify_by INTEGER;

CREATE INDEX users_verify_by ON users (verify_by) WHERE verify_by IS NOT NULL;
