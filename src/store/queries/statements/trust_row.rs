//! Whether a device's trust counts: one text for whoever asks and for the statement that begins the session.

/// The account is enabled, nothing has ended the trust since, and its time is not over; nor did a clock that was ahead begin it.
macro_rules! trust_counts {
    (now: $now:literal, after: $after:literal, by: $by:literal) => {
        concat!(
            "trusted_devices.credential_version = users.credential_version \
             AND trusted_devices.factor_version = users.factor_version \
             AND trusted_devices.session_epoch = users.session_epoch AND users.disabled_at IS NULL \
             AND trusted_devices.expires_at > ",
            $now,
            " AND trusted_devices.created_at > ",
            $after,
            " AND trusted_devices.created_at <= ",
            $by
        )
    };
}

pub(super) use trust_counts;
