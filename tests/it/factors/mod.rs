//! Second factors: authenticator apps, recovery codes, and turning them on and off.

mod confirmation;
mod enrolling;
mod qr;
mod races;
mod recovery_codes;
mod secrets;
mod set_two_factor;
mod totp;

use std::time::Duration;

use countersign::pb::{
    BeginTotpEnrollmentRequest, BeginTotpEnrollmentResponse, Challenge,
    ConfirmTotpEnrollmentRequest, Factor, RegenerateRecoveryCodesRequest, SecondFactor,
    SetTwoFactorRequest, Tokens, User, Verify2FaRequest, second_factor, verify2_fa_request::Proof,
};
use tonic::Status;

use crate::harness::{
    Server,
    authenticator::{App, step},
    logs,
    server::{PASSWORD, bearer, wrong},
    soon,
};

const STEP: Duration = Duration::from_secs(30);

/// A user with an app, on a clock that stands still. The app's next code has not been used. The session that enrolled it is
/// over.
pub struct Enrolled {
    pub user: User,
    pub app: App,
    codes: Vec<String>,
}

pub async fn enrolled(server: &Server) -> Enrolled {
    let Begun { user, tokens, id, app } = begun(server).await;
    let code = app.code_at(&server.clock);
    let codes = confirm(server, &tokens, &id, &code).await.unwrap();
    server.clock.advance(STEP);
    Enrolled { user, app, codes }
}

/// A new session of a user with an app, by its code of this moment. The next one has not been used.
pub async fn session_by_app(server: &Server, user: &User, app: &App) -> Tokens {
    let challenge = server.challenge(user).await;
    let tokens = answer(server, &challenge, totp(app.code_at(&server.clock))).await.unwrap();
    server.clock.advance(STEP);
    tokens
}

/// An enrolment that waits for its confirmation, on a clock that stands still.
struct Begun {
    user: User,
    tokens: Tokens,
    id: String,
    app: App,
}

async fn begun(server: &Server) -> Begun {
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let (id, app) = begin_and_scan(server, &tokens).await;
    Begun { user, tokens, id, app }
}

async fn begin_and_scan(server: &Server, tokens: &Tokens) -> (String, App) {
    let begun = begin(server, tokens, PASSWORD).await.unwrap();
    (begun.enrollment_id, App::scan(&begun.otpauth_uri))
}

/// Enrols an app. The code of this moment is used up by that.
pub async fn enroll(server: &Server, tokens: &Tokens) -> (App, Vec<String>) {
    let (id, app) = begin_and_scan(server, tokens).await;
    let code = app.code_at(&server.clock);
    let codes = confirm(server, tokens, &id, &code).await.unwrap();
    (app, codes)
}

pub async fn begin(
    server: &Server,
    tokens: &Tokens,
    password: &str,
) -> Result<BeginTotpEnrollmentResponse, Status> {
    begin_with(server, tokens, password, None).await
}

async fn begin_with(
    server: &Server,
    tokens: &Tokens,
    password: &str,
    second_factor: Option<SecondFactor>,
) -> Result<BeginTotpEnrollmentResponse, Status> {
    let request = BeginTotpEnrollmentRequest {
        password: password.to_owned(),
        second_factor,
        ..Default::default()
    };
    let request = bearer(tokens, request);
    let mut account = server.account.clone();
    let begun = account.begin_totp_enrollment(request);
    Ok(soon("BeginTotpEnrollment", begun).await?.into_inner())
}

pub async fn confirm(
    server: &Server,
    tokens: &Tokens,
    enrollment_id: &str,
    totp_code: &str,
) -> Result<Vec<String>, Status> {
    let (enrollment_id, totp_code) = (enrollment_id.to_owned(), totp_code.to_owned());
    let request = bearer(
        tokens,
        ConfirmTotpEnrollmentRequest { enrollment_id, totp_code, ..Default::default() },
    );
    let mut account = server.account.clone();
    let confirmed = account.confirm_totp_enrollment(request);
    Ok(soon("ConfirmTotpEnrollment", confirmed).await?.into_inner().recovery_codes)
}

pub async fn regenerate(
    server: &Server,
    tokens: &Tokens,
    password: &str,
) -> Result<Vec<String>, Status> {
    regenerate_with(server, tokens, password, None).await
}

async fn regenerate_with(
    server: &Server,
    tokens: &Tokens,
    password: &str,
    second_factor: Option<SecondFactor>,
) -> Result<Vec<String>, Status> {
    let request = RegenerateRecoveryCodesRequest {
        password: password.to_owned(),
        second_factor,
        ..Default::default()
    };
    let request = bearer(tokens, request);
    let mut account = server.account.clone();
    let codes = account.regenerate_recovery_codes(request);
    Ok(soon("RegenerateRecoveryCodes", codes).await?.into_inner().recovery_codes)
}

/// A session by an app that is too old to be proof by itself.
pub async fn stale_session(server: &Server) -> (Tokens, App) {
    let who = enrolled(server).await;
    let tokens = session_by_app(server, &who.user, &who.app).await;
    server.clock.advance(Duration::from_secs(600));
    (tokens, who.app)
}

/// New recovery codes, by the password and a code of the app.
pub async fn regenerate_by(
    server: &Server,
    tokens: &Tokens,
    code: &str,
    request_id: &str,
) -> Result<Vec<String>, Status> {
    let proof = Some(second_factor::Proof::TotpCode(code.to_owned()));
    let request = RegenerateRecoveryCodesRequest {
        password: PASSWORD.to_owned(),
        second_factor: Some(SecondFactor { proof }),
        request_id: request_id.to_owned(),
    };
    let mut account = server.account.clone();
    let codes = account.regenerate_recovery_codes(bearer(tokens, request));
    Ok(soon("RegenerateRecoveryCodes", codes).await?.into_inner().recovery_codes)
}

pub async fn set_two_factor(
    server: &Server,
    tokens: &Tokens,
    enabled: bool,
    password: &str,
) -> Result<User, Status> {
    set_two_factor_with(server, tokens, enabled, password, None).await
}

async fn set_two_factor_with(
    server: &Server,
    tokens: &Tokens,
    enabled: bool,
    password: &str,
    second_factor: Option<SecondFactor>,
) -> Result<User, Status> {
    let request = SetTwoFactorRequest { enabled, password: password.to_owned(), second_factor };
    let request = bearer(tokens, request);
    let mut account = server.account.clone();
    let set = account.set_two_factor(request);
    Ok(soon("SetTwoFactor", set).await?.into_inner().user.unwrap())
}

pub async fn answer(
    server: &Server,
    challenge: &Challenge,
    proof: Proof,
) -> Result<Tokens, Status> {
    let challenge_id = challenge.challenge_id.clone();
    let request = Verify2FaRequest { challenge_id, proof: Some(proof), ..Default::default() };
    let response = soon("Verify2FA", server.auth.clone().verify2_fa(request)).await?;
    Ok(response.into_inner().tokens.unwrap())
}

pub fn totp(code: impl Into<String>) -> Proof {
    Proof::TotpCode(code.into())
}

pub fn recovery(code: impl Into<String>) -> Proof {
    Proof::RecoveryCode(code.into())
}

/// The codes of an app that count now.
fn counting(app: &App, server: &Server) -> [String; 3] {
    let now = step(&server.clock);
    [-1, 0, 1].map(|off| app.code(now + off))
}

/// A code that does not count.
fn wrong_for(app: &App, server: &Server) -> String {
    let counting = counting(app, server);
    let mut code = wrong(&counting[1]);
    while counting.contains(&code) {
        code = wrong(&code);
    }
    code
}

fn factors(challenge: &Challenge) -> Vec<Factor> {
    challenge.factors().collect()
}

/// What a user was told, in order.
async fn notices(server: &Server, user: &User) -> Vec<String> {
    server.delivered().await;
    logs::notices(&user.username)
}
