-- Logins by a mailed code, without a password (ADR 55).

-- Where a login by the code leads to: the audience of its tokens, the user's name for the device, and the known device that asked.
-- NULL for codes of other purposes.
ALTER TABLE mailbox_codes ADD COLUMN audience TEXT;
ALTER TABLE mailbox_codes ADD COLUMN device_name TEXT;
ALTER TABLE mailbox_codes ADD COLUMN device_id BLOB;

-- What the login has shown before the challenge: the password, or the mailbox, which then is no second factor.
ALTER TABLE challenges ADD COLUMN first_proof TEXT NOT NULL DEFAULT 'password';
