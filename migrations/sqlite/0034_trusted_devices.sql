-- Devices whose logins need no second factor for a while (ADR 54). The versions are those that their user had when the device became
-- trusted: once one of them has grown, it is no more.
CREATE TABLE trusted_devices (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The one that device tokens hold.
    device_id BLOB NOT NULL,
    credential_version INTEGER NOT NULL,
    factor_version INTEGER NOT NULL,
    session_epoch INTEGER NOT NULL,
    device_name TEXT NOT NULL,
    address TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (user_id, device_id)
) STRICT;

CREATE INDEX trusted_devices_expires_at ON trusted_devices (expires_at);

-- The trusted device that spared the session's login the second factor. NULL: none.
ALTER TABLE sessions ADD COLUMN trusted_device_id BLOB;
