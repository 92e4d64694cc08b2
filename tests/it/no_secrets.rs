//! A search for canaries: secrets that we know of must be nowhere in what the service puts out.

use countersign::{
    pb::{
        BeginTotpEnrollmentRequest, ChangePasswordRequest, ConfirmTotpEnrollmentRequest,
        LoginRequest, RefreshTokenRequest, RegenerateRecoveryCodesRequest, ResendCodeRequest,
        SetTwoFactorRequest, Verify2FaRequest, account_service_client::AccountServiceClient,
        auth_service_client::AuthServiceClient, login_response::Result as Outcome,
        verify2_fa_request::Proof,
    },
    token::MasterKey,
};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::{
    harness::{
        Backend, Database,
        authenticator::App,
        clock::TestClock,
        command::Running,
        hook::HookServer,
        mail::{MailServer, Tls},
        server::{alice, bearer, wrong},
    },
    http,
    process::{code_in, serve},
};

const PASSWORD: &str = "canary passphrase";
const WRONG: &str = "canary mistyped";
const NEXT: &str = "canary next passphrase";
const NO_CODE: &str = "canary no code";

/// Calls all that there is about second factors, right and wrong, with a user who has a token. Returns what was put out, and
/// what must not be in it.
async fn second_factors(
    grpc: std::net::SocketAddr,
    tokens: &countersign::pb::Tokens,
) -> (String, Vec<String>) {
    let channel = format!("http://{grpc}");
    let mut account = AccountServiceClient::connect(channel.clone()).await.unwrap();
    let mut auth = AuthServiceClient::connect(channel).await.unwrap();
    let mut output = String::new();
    let begin = |password: &str| {
        bearer(tokens, BeginTotpEnrollmentRequest { password: password.to_owned() })
    };
    output += &format!("{:?}", account.begin_totp_enrollment(begin(WRONG)).await.unwrap_err());
    let begun = account.begin_totp_enrollment(begin(PASSWORD)).await.unwrap().into_inner();
    let enrollment_id = begun.enrollment_id.clone();
    let confirm = |totp_code: &str| {
        let (enrollment_id, totp_code) = (enrollment_id.clone(), totp_code.to_owned());
        bearer(tokens, ConfirmTotpEnrollmentRequest { enrollment_id, totp_code })
    };
    output +=
        &format!("{:?}", account.confirm_totp_enrollment(confirm(NO_CODE)).await.unwrap_err());
    let code = App::of(&begun.secret).code_at(&TestClock::default());
    let codes = account.confirm_totp_enrollment(confirm(&code)).await.unwrap().into_inner();
    let login = LoginRequest {
        username: "alice".into(),
        password: PASSWORD.into(),
        ..LoginRequest::default()
    };
    let Some(Outcome::Challenge(challenge)) = auth.login(login).await.unwrap().into_inner().result
    else {
        panic!("no challenge")
    };
    let proof = |proof: Proof| {
        let challenge_id = challenge.challenge_id.clone();
        Verify2FaRequest { challenge_id, proof: Some(proof) }
    };
    let [first, second] = [0, 1].map(|index| codes.recovery_codes[index].clone());
    for refused in [Proof::TotpCode(code.clone()), Proof::RecoveryCode(NO_CODE.into())] {
        output += &format!("{:?}", auth.verify2_fa(proof(refused)).await.unwrap_err());
    }
    auth.verify2_fa(proof(Proof::RecoveryCode(first.clone()))).await.unwrap();
    let refused = auth.verify2_fa(proof(Proof::RecoveryCode(second.clone()))).await;
    output += &format!("{:?}", refused.unwrap_err());
    let password = PASSWORD.to_owned();
    let again = bearer(tokens, RegenerateRecoveryCodesRequest { password: password.clone() });
    let again = account.regenerate_recovery_codes(again).await.unwrap().into_inner();
    let off = bearer(tokens, SetTwoFactorRequest { enabled: false, password });
    account.set_two_factor(off).await.unwrap();
    let mut secrets = vec![begun.secret, begun.otpauth_uri, begun.qr_text, first, second];
    secrets.extend(again.recovery_codes);
    // Their digests are made of them without the dashes.
    secrets.extend(secrets.clone().iter().map(|secret| secret.replace('-', "")));
    (output, secrets)
}

/// With the log turned all the way up, every output of a whole flow is searched: the log, errors, metrics, the key set,
/// and what was recorded.
#[rstest]
#[tokio::test]
async fn no_secret_is_in_any_output(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut command = serve(&database);
    let master_key = MasterKey::generate_text();
    command.env("COUNTERSIGN_LOG", "trace").env("COUNTERSIGN_MASTER_KEY", master_key.as_str());
    let mut running = Running::start(command);
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    auth.register(alice(PASSWORD)).await.unwrap();
    let login = |password: &str| LoginRequest {
        username: "alice".into(),
        password: password.into(),
        ..LoginRequest::default()
    };
    let mut output = String::new();
    output += &format!("{:?}", auth.register(alice(PASSWORD)).await.unwrap_err());
    output += &format!("{:?}", auth.login(login(WRONG)).await.unwrap_err());
    // People type passwords into the field for the name.
    let misplaced = LoginRequest { username: WRONG.into(), ..login(WRONG) };
    output += &format!("{:?}", auth.login(misplaced).await.unwrap_err());
    let Some(Outcome::Challenge(challenge)) =
        auth.login(login(PASSWORD)).await.unwrap().into_inner().result
    else {
        panic!("no challenge")
    };
    let code = code_in(&running.wait_for_log("one-time code"));
    let challenge_id = challenge.challenge_id;
    let resend = ResendCodeRequest { challenge_id: challenge_id.clone() };
    output += &format!("{:?}", auth.resend_code(resend).await.unwrap_err());
    let proof = |code: &str| Verify2FaRequest {
        challenge_id: challenge_id.clone(),
        proof: Some(Proof::OtpCode(code.into())),
    };
    let mistyped = wrong(&code);
    for refused in [NO_CODE, &mistyped] {
        output += &format!("{:?}", auth.verify2_fa(proof(refused)).await.unwrap_err());
    }
    let tokens = auth.verify2_fa(proof(&code)).await.unwrap().into_inner().tokens.unwrap();
    output += &format!("{:?}", auth.verify2_fa(proof(&code)).await.unwrap_err());
    let (said, factors) = second_factors(running.grpc, &tokens).await;
    output += &said;
    let channel = format!("http://{}", running.grpc);
    let mut account = AccountServiceClient::connect(channel).await.unwrap();
    let mut change = async |current: &str| {
        let (current_password, new_password) = (current.to_owned(), NEXT.to_owned());
        let change = ChangePasswordRequest { current_password, new_password };
        account.change_password(bearer(&tokens, change)).await
    };
    output += &format!("{:?}", change(WRONG).await.unwrap_err());
    change(PASSWORD).await.unwrap();
    let refresh_token = tokens.refresh_token.clone();
    let refresh = RefreshTokenRequest { refresh_token, request_id: String::new() };
    let next = auth.refresh_token(refresh.clone()).await.unwrap().into_inner().tokens.unwrap();
    output += &format!("{:?}", auth.refresh_token(refresh.clone()).await.unwrap_err());
    output += &format!("{:?}", auth.refresh_token(refresh).await.unwrap_err());
    output += &format!("{:?}", change(NEXT).await.unwrap_err());
    for path in
        ["/metrics", "/.well-known/jwks.json", "/.well-known/openid-configuration", "/readyz"]
    {
        output += &http::get(running.http, path).await.1;
    }
    drop(auth);
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);

    let delivery = |line: &&str| line.contains("countersign::delivery");
    // The code, and notices of the app, the recovery code, the new ones, the second factor that is off, and the password.
    assert_eq!(running.logged.lines().filter(delivery).count(), 6);
    output += &running.banner;
    output.extend(running.logged.lines().filter(|line| !delivery(line)));
    assert!(output.len() > 10_000, "the log was turned up: {}", output.len());

    let recorded = recorded(&database).await;
    assert!(recorded.contains("login_failed") && recorded.contains("code_failed"), "{recorded}");
    output += &recorded;

    let hash = text(&database, "SELECT password_hash FROM users").await;
    let signature = tokens.access_token.rsplit('.').next().unwrap().to_owned();
    for (what, secret) in [
        ("the password", PASSWORD),
        ("a mistyped password", WRONG),
        ("the hash", &hash),
        ("what is no code", NO_CODE),
        ("the master key", &master_key),
        ("the challenge id", &challenge_id),
        ("the next password", NEXT),
        ("the token", &tokens.access_token),
        ("the refresh token", &tokens.refresh_token),
        ("its successor", &next.refresh_token),
        ("the token's signature", &signature),
        ("the refresh token", &tokens.refresh_token),
        ("the device token", &tokens.device_token),
    ] {
        assert!(!output.contains(secret), "{what} is in the output");
    }
    for secret in &factors {
        assert!(
            !output.contains(secret.as_str()),
            "a secret of the second factor is in the output"
        );
    }
    // As words: six digits may well be a part of a longer number.
    let mut words = output.split(|character: char| !character.is_alphanumeric());
    assert_eq!(words.find(|word| *word == code || *word == mistyped), None);
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
    let (mail, hook) = (MailServer::start(Tls::None).await, HookServer::start(&[500], None).await);
    let mut command = serve(&database);
    command.env("COUNTERSIGN_LOG", "trace");
    if by_mail {
        let url = format!("smtp://user:{PASSWORD_IN_URL}@127.0.0.1:{}", mail.port);
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
    let username = "alice".into();
    let login = LoginRequest { username, password: PASSWORD.into(), ..LoginRequest::default() };
    auth.login(login).await.unwrap();
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
