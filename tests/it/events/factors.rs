//! Second factors that change, and recovery codes that are used.

use countersign::domain::EventKind;
use rstest::rstest;

use super::{Recorder, WRONG};
use crate::{
    factors::{answer, begin, confirm, enroll, recovery, regenerate, set_two_factor, totp},
    harness::{Backend, server::PASSWORD},
};

#[rstest]
#[tokio::test]
async fn each_change_of_a_second_factor_leaves_one_event_and_a_refusal_none_of_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use EventKind::{
        AppAdded, ChallengeBegun, CodeFailed, ConfirmationFailed, EmailVerified, LoginSucceeded,
        RecoveryCodesReplaced, SessionsRevoked, TwoFactorOff, TwoFactorOn,
    };
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let first = recorder.server.session(&user).await;
    recorder.seen = super::events(&recorder.server.database).await.len();
    let (by, of) = (Some(&first), Some(&user));

    set_two_factor(&recorder.server, &first, true, PASSWORD).await.unwrap();
    recorder.expect(&[(TwoFactorOn, of, by), (SessionsRevoked, of, None)]).await;
    let own = recorder.server.session_by_mail(&user).await;
    let by = Some(&own);
    let login = [(ChallengeBegun, of, None), (LoginSucceeded, of, by), (EmailVerified, of, by)];
    recorder.expect(&login).await;
    set_two_factor(&recorder.server, &own, true, PASSWORD).await.unwrap();
    let begun = begin(&recorder.server, &own, PASSWORD).await.unwrap();
    confirm(&recorder.server, &own, &begun.enrollment_id, "").await.unwrap_err();
    recorder.expect(&[]).await;
    begin(&recorder.server, &own, WRONG).await.unwrap_err();
    recorder.expect(&[(ConfirmationFailed, of, by)]).await;
    let (_, codes) = enroll(&recorder.server, &own).await;
    recorder.expect(&[(AppAdded, of, by)]).await;
    regenerate(&recorder.server, &own, PASSWORD).await.unwrap();
    recorder.expect(&[(RecoveryCodesReplaced, of, by)]).await;
    let challenge = recorder.server.challenge(&user).await;
    for refused in [totp("000000"), recovery(&codes[0])] {
        answer(&recorder.server, &challenge, refused).await.unwrap_err();
    }
    let failed = (CodeFailed, of, None);
    recorder.expect(&[(ChallengeBegun, of, None), failed, failed]).await;
    set_two_factor(&recorder.server, &own, false, PASSWORD).await.unwrap();
    recorder.expect(&[(TwoFactorOff, of, by)]).await;
}

#[rstest]
#[tokio::test]
async fn a_recovery_code_that_is_used_is_recorded_beside_the_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use EventKind::{ChallengeBegun, CodeFailed, LoginSucceeded, RecoveryCodeUsed};
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let own = recorder.server.session(&user).await;
    let (_, codes) = enroll(&recorder.server, &own).await;
    recorder.seen = super::events(&recorder.server.database).await.len();
    let one = recorder.server.challenge(&user).await;
    let other = recorder.server.challenge(&user).await;
    let tokens = answer(&recorder.server, &one, recovery(&codes[0])).await.unwrap();
    answer(&recorder.server, &other, recovery(&codes[0])).await.unwrap_err();
    let (of, begun) = (Some(&user), (ChallengeBegun, Some(&user), None));
    let used = (RecoveryCodeUsed, of, Some(&tokens));
    let login = (LoginSucceeded, of, Some(&tokens));
    recorder.expect(&[begun, begun, used, login, (CodeFailed, of, None)]).await;
}
