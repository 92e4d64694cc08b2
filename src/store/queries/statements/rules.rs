//! Security rules that are part of several statements, each as one text.

/// The account is alive, and its credentials are those of then: it is not disabled (a deleted one is), and its password has not
/// changed since. Whatever was begun on the word of a password goes on only while this holds. `users` must be the account's row,
/// in whatever statement this is a condition of.
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
/// serialises rivals: concurrent guesses get no more attempts than sequential ones. `which` names the row and says that it was
/// not used.
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

/// That enrolment of an authenticator app, of that user and begun with those credentials, which was not confirmed.
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

pub(super) use {account_is_as_it_was, open_enrolment, reserve_an_attempt};
