//! Security rules shared by several statements, each as one text.

/// The account is enabled and its credentials are unchanged: not disabled (a deleted one is), and the same password.
/// Anything begun by a password goes on only while this holds. `users` must be the account's row in the statement.
macro_rules! account_is_as_it_was {
    ($id:literal, $credential_version:literal) => {
        concat!(
            "users.id = ",
            $id,
            " AND users.credential_version = ",
            $credential_version,
            " AND users.disabled_at IS NULL"
        )
    };
}

/// Reserves an attempt of a row that can still be answered, before anything is compared, against brute force. The row lock
/// serialises rivals: concurrent guesses get no more attempts than sequential ones (race). `which` names the row and says
/// that it was not used.
macro_rules! reserve_an_attempt {
    ($table:literal, $which:expr, now: $now:literal, most: $most:literal) => {
        concat!(
            "UPDATE ",
            $table,
            " SET attempts = attempts + 1 WHERE ",
            $which,
            " AND expires_at > ",
            $now,
            " AND attempts < ",
            $most
        )
    };
}

/// An unconfirmed enrolment of an authenticator app, by its id, the user, and the credentials that it began with.
macro_rules! open_enrolment {
    ($id:literal, $user_id:literal, $credential_version:literal) => {
        concat!(
            "id = ",
            $id,
            " AND user_id = ",
            $user_id,
            " AND credential_version = ",
            $credential_version,
            " AND confirmed_at IS NULL"
        )
    };
}

pub(in crate::store) use {account_is_as_it_was, open_enrolment, reserve_an_attempt};
