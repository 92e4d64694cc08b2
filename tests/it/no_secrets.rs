//! A search for canaries: secrets that we know of must be nowhere in what the service puts out.

pub mod canaries;
mod deletion;
mod email_change;
mod email_login;
mod quiet_registration;
mod services;

use countersign::pb::{
    BeginTotpEnrollmentRequest, BeginTotpEnrollmentResponse, Challenge, ChangePasswordRequest,
    ConfirmTotpEnrollmentRequest, LoginRequest, RefreshTokenRequest,
    RegenerateRecoveryCodesRequest, ResendCodeRequest, SetTwoFactorRequest, Tokens,
    Verify2FaRequest, account_service_client::AccountServiceClient,
    auth_service_client::AuthServiceClient, login_response::Result as Outcome,
    verify2_fa_request::Proof,
};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection as _};
use tonic::transport::Channel;

use self::canaries::Canaries;
use crate::{
    harness::{
        Backend, Database,
        authenticator::App,
        certificate::Certificate,
        clock::TestClock,
        command::Running,
        hook::HookServer,
        mail::{MailServer, Tls},
        server::{alice, bearer, wrong},
    },
    process::{code_in, serve},
};

const PASSWORD: &str = "canary passphrase";
const WRONG: &str = "canary mistyped";
const NEXT: &str = "canary next passphrase";
const NO_CODE: &str = "canary no code";

fn login(password: &str) -> LoginRequest {
    LoginRequest { username: "alice".into(), password: password.into(), ..LoginRequest::default() }
}

async fn challenge(auth: &mut AuthServiceClient<Channel>) -> Challenge {
    match auth.login(login(PASSWORD)).await.unwrap().into_inner().result {
        Some(Outcome::Challenge(challenge)) => challenge,
        other => panic!("no challenge: {other:?}"),
    }
}

/// What a login has given away, and must not be put out anywhere else.
struct LoggedIn {
    challenge_id: String,
    codes: [String; 2],
    tokens: Tokens,
}

/// Registers and logs in with a mailed code, right and wrong.
async fn logged_in(canaries: &mut Canaries) -> LoggedIn {
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    auth.register(alice(PASSWORD)).await.unwrap();
    canaries.refused(auth.register(alice(PASSWORD)).await);
    canaries.refused(auth.login(login(WRONG)).await);
    // People type passwords into the field for the name.
    let misplaced = LoginRequest { username: WRONG.into(), ..login(WRONG) };
    canaries.refused(auth.login(misplaced).await);
    let challenge_id = challenge(&mut auth).await.challenge_id;
    let code = code_in(&canaries.running.wait_for_log("one-time code"));
    let resend = ResendCodeRequest { challenge_id: challenge_id.clone(), ..Default::default() };
    canaries.refused(auth.resend_code(resend).await);
    let proof = |code: &str| Verify2FaRequest {
        challenge_id: challenge_id.clone(),
        proof: Some(Proof::OtpCode(code.into())),
        ..Default::default()
    };
    let mistyped = wrong(&code);
    for refused in [NO_CODE, &mistyped] {
        canaries.refused(auth.verify2_fa(proof(refused)).await);
    }
    let tokens = auth.verify2_fa(proof(&code)).await.unwrap().into_inner().tokens.unwrap();
    canaries.refused(auth.verify2_fa(proof(&code)).await);
    LoggedIn { challenge_id, codes: [code, mistyped], tokens }
}

/// An app that was enrolled, with the code that did it.
struct Enrolled {
    app: BeginTotpEnrollmentResponse,
    used: String,
    recovery_codes: Vec<String>,
}

/// Enrols an app, right and wrong.
async fn enrolled(canaries: &mut Canaries, tokens: &Tokens) -> Enrolled {
    let mut account = AccountServiceClient::connect(canaries.grpc()).await.unwrap();
    let begin = |password: &str| {
        let password = password.to_owned();
        bearer(
            tokens,
            BeginTotpEnrollmentRequest { password, second_factor: None, ..Default::default() },
        )
    };
    canaries.refused(account.begin_totp_enrollment(begin(WRONG)).await);
    let app = account.begin_totp_enrollment(begin(PASSWORD)).await.unwrap().into_inner();
    let confirm = |totp_code: &str| {
        let (enrollment_id, totp_code) = (app.enrollment_id.clone(), totp_code.to_owned());
        bearer(
            tokens,
            ConfirmTotpEnrollmentRequest { enrollment_id, totp_code, ..Default::default() },
        )
    };
    canaries.refused(account.confirm_totp_enrollment(confirm(NO_CODE)).await);
    let used = App::of(&app.secret).code_at(&TestClock::default());
    let confirmed = account.confirm_totp_enrollment(confirm(&used)).await.unwrap();
    Enrolled { app, used, recovery_codes: confirmed.into_inner().recovery_codes }
}

/// Calls all that there is about second factors, right and wrong. Returns what must not be put out.
async fn second_factors(canaries: &mut Canaries, tokens: &Tokens) -> Vec<String> {
    let mut account = AccountServiceClient::connect(canaries.grpc()).await.unwrap();
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    let Enrolled { app, used, recovery_codes } = enrolled(canaries, tokens).await;
    let challenge_id = challenge(&mut auth).await.challenge_id;
    let proof = |proof| Verify2FaRequest {
        challenge_id: challenge_id.clone(),
        proof: Some(proof),
        ..Default::default()
    };
    for refused in [Proof::TotpCode(used), Proof::RecoveryCode(NO_CODE.into())] {
        canaries.refused(auth.verify2_fa(proof(refused)).await);
    }
    let [first, second] = [0, 1].map(|index| recovery_codes[index].clone());
    auth.verify2_fa(proof(Proof::RecoveryCode(first.clone()))).await.unwrap();
    canaries.refused(auth.verify2_fa(proof(Proof::RecoveryCode(second.clone()))).await);
    let password = PASSWORD.to_owned();
    let again = RegenerateRecoveryCodesRequest {
        password: password.clone(),
        second_factor: None,
        ..Default::default()
    };
    let again = account.regenerate_recovery_codes(bearer(tokens, again)).await.unwrap();
    let again = again.into_inner();
    let off = SetTwoFactorRequest { enabled: false, password, second_factor: None };
    account.set_two_factor(bearer(tokens, off)).await.unwrap();
    let mut secrets = vec![app.secret, app.otpauth_uri, app.qr_text, first, second];
    secrets.extend(again.recovery_codes);
    // Their digests are made of them without the dashes.
    secrets.extend(secrets.clone().iter().map(|secret| secret.replace('-', "")));
    secrets
}

/// Changes the password and renews the tokens, until their reuse ends the session. Returns the token after the first.
async fn renewed(canaries: &mut Canaries, tokens: &Tokens) -> String {
    let mut account = AccountServiceClient::connect(canaries.grpc()).await.unwrap();
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    let mut change = async |current: &str| {
        let (current_password, new_password) = (current.to_owned(), NEXT.to_owned());
        let change = ChangePasswordRequest {
            current_password,
            new_password,
            second_factor: None,
            ..Default::default()
        };
        account.change_password(bearer(tokens, change)).await
    };
    canaries.refused(change(WRONG).await);
    change(PASSWORD).await.unwrap();
    let refresh_token = tokens.refresh_token.clone();
    let refresh = RefreshTokenRequest { refresh_token, request_id: String::new() };
    let next = auth.refresh_token(refresh.clone()).await.unwrap().into_inner().tokens.unwrap();
    canaries.refused(auth.refresh_token(refresh.clone()).await);
    canaries.refused(auth.refresh_token(refresh).await);
    canaries.refused(change(NEXT).await);
    next.refresh_token
}

/// With the log turned all the way up, every output of a whole flow is searched: the log, errors, metrics, traces, the key
/// set, and what was recorded.
#[rstest]
#[tokio::test]
async fn no_secret_is_in_any_output(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut canaries = Canaries::start(serve(&database));
    let LoggedIn { challenge_id, codes, tokens } = logged_in(&mut canaries).await;
    let factors = second_factors(&mut canaries, &tokens).await;
    let hash = "SELECT password_hash FROM users";
    let first_hash = text(&database, hash).await;
    let next = renewed(&mut canaries, &tokens).await;
    for path in
        ["/metrics", "/.well-known/jwks.json", "/.well-known/openid-configuration", "/readyz"]
    {
        canaries.get(path).await;
    }
    // The code, and notices of the app, the recovery code, the new ones, the second factor that is off, the
    // password, a login on a device that was not known, and the token that was used twice.
    canaries.stop(8).await;
    let recorded = recorded(&database).await;
    assert!(recorded.contains("login_failed") && recorded.contains("code_failed"), "{recorded}");
    canaries.keep(&recorded);

    for (what, secret) in [
        ("the password", PASSWORD),
        ("a mistyped password", WRONG),
        ("the hash", &first_hash),
        ("the hash of the next password", &text(&database, hash).await),
        ("what is no code", NO_CODE),
        ("the master key", &canaries.master_key),
        ("the challenge id", &challenge_id),
        ("the next password", NEXT),
        ("the token", &tokens.access_token),
        ("the token's signature", tokens.access_token.rsplit('.').next().unwrap()),
        ("the refresh token", &tokens.refresh_token),
        ("its successor", &next),
        ("the device token", &tokens.device_token),
    ] {
        canaries.must_not_hold(what, secret);
    }
    for secret in &factors {
        canaries.must_not_hold("a secret of the second factor", secret);
    }
    canaries.must_not_hold_codes(&codes);
    for personal in ["alice", "example.com", "127.0.0.1", &tokens.session_id] {
        canaries.spans_must_not_hold(personal);
    }
}

/// The one text that a query gives, past the store.
async fn text(database: &Database, sql: &str) -> String {
    let sql = AssertSqlSafe(sql);
    match database.backend {
        Backend::Sqlite => {
            let mut connection = sqlx::SqliteConnection::connect(&database.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
        }
        Backend::Postgres => {
            let mut connection = sqlx::PgConnection::connect(&database.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
        }
    }
}

/// All that is in the events, their times aside: microseconds may look like a code.
async fn recorded(database: &Database) -> String {
    let columns = "SELECT group_concat('quote(' || name || ')', ' || ') \
        FROM pragma_table_info('events') WHERE name <> 'at'";
    let rows = match database.backend {
        Backend::Sqlite => {
            format!("SELECT group_concat({}) FROM events", text(database, columns).await)
        }
        Backend::Postgres => {
            "SELECT string_agg(CAST(to_jsonb(events) - 'at' AS TEXT), ' ') FROM events".to_owned()
        }
    };
    text(database, &rows).await
}

/// Mail and webhooks carry the code; the log does not, however far it is turned up, nor the secrets of their settings.
#[rstest]
#[case::smtp(true)]
#[case::webhook(false)]
#[tokio::test]
async fn no_secret_of_a_delivery_is_in_the_log(#[case] by_mail: bool) {
    const PASSWORD_IN_URL: &str = "canaryword";
    const SECRET: &str = "Y2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5";
    let database = Database::new(Backend::Sqlite).await;
    let certificate = Certificate::of("localhost");
    let mail = MailServer::start(Tls::Always(certificate.acceptor.clone())).await;
    let hook = HookServer::start(&[500], None).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(&database);
    command.env("COUNTERSIGN_LOG", "trace");
    if by_mail {
        let authority = folder.path().join("authority.pem");
        std::fs::write(&authority, &certificate.pem).unwrap();
        command.env("COUNTERSIGN_DELIVERY_CA", authority);
        let url = format!("smtps://user:{PASSWORD_IN_URL}@localhost:{}", mail.port);
        command.env("COUNTERSIGN_DELIVERY", "smtp").env("COUNTERSIGN_SMTP_URL", url);
        command.env("COUNTERSIGN_SMTP_FROM", "auth@example.com");
    } else {
        let url = format!("http://127.0.0.1:{}/", hook.port);
        command.env("COUNTERSIGN_DELIVERY", "webhook").env("COUNTERSIGN_WEBHOOK_URL", url);
        command.env("COUNTERSIGN_WEBHOOK_SECRET", SECRET);
    }
    let mut running = Running::start(command);
    assert!(!running.banner.contains("in the log"), "{}", running.banner);
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    auth.register(alice(PASSWORD)).await.unwrap();
    auth.login(login(PASSWORD)).await.unwrap();
    let code = if by_mail {
        mail.wait_for(1).await[0].code()
    } else {
        // The first try fails: errors are searched too.
        hook.wait_for(2).await[1].json()["code"].as_str().unwrap().to_owned()
    };
    drop(auth);
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);
    assert!(running.logged.len() > 10_000, "the log was turned up");
    assert!(!running.logged.lines().any(|line| line.contains(" countersign::delivery: ")));
    let login = mail.commands().into_iter().find(|(command, _)| command.starts_with("AUTH PLAIN "));
    let login =
        login.map_or("none".into(), |(command, _)| command["AUTH PLAIN ".len()..].to_owned());
    assert_eq!(login != "none", by_mail);
    for secret in [PASSWORD_IN_URL, SECRET, &login] {
        assert!(secret == "none" || !running.logged.contains(secret), "{secret}");
    }
    let mut words = running.logged.split(|character: char| !character.is_alphanumeric());
    assert_eq!(words.find(|word| *word == code), None);
}
