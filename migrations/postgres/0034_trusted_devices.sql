-- Devices whose logins need no second factor for a while (ADR 54). The versions are those that their user had when the device became
-- trusted: once one of them has grown, it is no more.
CREATE TABLE trusted_devices (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The one that device tokens hold.
    device_id UUID NOT NULL,
    credential_version BIGINT NOT NULL,
    factor_version BIGINT NOT NULL,
    session_epoch BIGINT NOT NULL,
    device_name TEXT NOT NULL,
    address TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    UNIQUE (user_id, device_id)
);

CREATE INDEX trusted_devices_expires_at ON trusted_devices (expires_at);

-- The trusted device that spared the session's login the second factor. NULL: none.
ALTER TABLE sessions ADD COLUMN trusted_device_id UUID;
