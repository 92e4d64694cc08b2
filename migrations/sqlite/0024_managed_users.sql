-- What administrators see of users, and look them up by.

-- A JSON object of administrators alone, and one that access tokens carry; NULL is an empty one.
ALTER TABLE users ADD COLUMN metadata TEXT;
ALTER TABLE users ADD COLUMN claims TEXT;
ALTER TABLE users ADD COLUMN last_login_at INTEGER;

-- A page of users is read in the order of one of these, whatever it is filtered by: it costs what its rows cost. Rows of deleted users
-- are not in them.
CREATE INDEX users_created ON users (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX users_last_login ON users (last_login_at, id) WHERE deleted_at IS NULL AND last_login_at IS NOT NULL;
CREATE INDEX users_disabled ON users (created_at, id) WHERE deleted_at IS NULL AND disabled_at IS NOT NULL;
CREATE INDEX users_verified ON users (email_verified, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX users_username_prefix ON users (username_key, id) WHERE deleted_at IS NULL;
CREATE INDEX users_email_prefix ON users (email_key, id) WHERE deleted_at IS NULL;

-- The roles in users.roles, one a row, for look-ups. Written with that column.
CREATE TABLE user_roles (
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, role)
) STRICT;

CREATE INDEX user_roles_role ON user_roles (role, created_at, user_id);

INSERT INTO user_roles (role, created_at, user_id)
SELECT DISTINCT role.value, users.created_at, users.id
FROM users, json_each('["' || replace(users.roles, ' ', '","') || '"]') AS role
WHERE users.roles <> '' AND role.value <> '' AND users.deleted_at IS NULL;

-- One row, which changes that may take the last administrator away lock: they come one after the other (race).
CREATE TABLE administrator_guard (
    id INTEGER PRIMARY KEY CHECK (id = 1)
) STRICT;

INSERT INTO administrator_guard (id) VALUES (1);

-- Requests of administrators that were carried out, so that a repetition is not (idempotency keys, AIP-155).
CREATE TABLE admin_requests (
    id BLOB PRIMARY KEY,
    -- What was done: the same id with another change is a mistake, and not a repetition.
    operation TEXT NOT NULL,
    -- The user who was changed.
    user_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX admin_requests_expires_at ON admin_requests (expires_at);
