-- Since when a password is distrusted: an undo code was used, so whoever made the change knew it (ADR 51, ADR 57). By itself it opens
-- nothing until there is another one. NULL: nobody has reason to think so.
ALTER TABLE users ADD COLUMN password_distrusted_at INTEGER;
