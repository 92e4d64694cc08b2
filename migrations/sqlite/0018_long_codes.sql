-- Whether the code that was sent is a long one, which nobody guesses: its attempts are not counted against the account.
ALTER TABLE challenges ADD COLUMN is_long_code INTEGER NOT NULL DEFAULT 0;
