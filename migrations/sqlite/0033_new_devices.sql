-- Logins from devices that the account does not know, in a day that begins with the first of them: so many are told to the owner (ADR 54).
ALTER TABLE users ADD COLUMN new_devices INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN new_devices_since INTEGER;
