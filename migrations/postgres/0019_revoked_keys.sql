-- Of a revocation of all tokens that a signing key has signed: the key. It is in user_id, too: a release that does not know this
-- column takes it for a user whom there is not.
ALTER TABLE revocations ADD COLUMN key_id UUID;
