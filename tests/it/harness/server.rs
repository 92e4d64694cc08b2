//! A real server, in this process, on free ports.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use countersign::{
    app::{App, Environment, Error},
    config::{Config, Settings},
    listen::Address,
    pb::{
        Challenge, ChangePasswordRequest, DeleteMeRequest, GetMeRequest, ListSessionsRequest,
        LoginRequest, LoginResponse, LogoutRequest, RefreshTokenRequest, RegisterRequest,
        ResendCodeRequest, Session, Tokens, User, Verify2FaRequest,
        account_service_client::AccountServiceClient, auth_service_client::AuthServiceClient,
        login_response, token_service_client::TokenServiceClient, verify2_fa_request::Proof,
    },
};
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{Request, Status, transport::Channel};

use super::{Backend, Database, clock::TestClock, eventually, logs, soon, unique};

pub const PASSWORD: &str = "correct horse battery";

/// A server and its database. It ends when this is dropped, the database with the last server on it.
#[derive(Debug)]
pub struct Server {
    pub account: AccountServiceClient<Channel>,
    pub auth: AuthServiceClient<Channel>,
    pub tokens: TokenServiceClient<Channel>,
    pub channel: Channel,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    /// The address of administrators, where it is another one.
    pub admin: Option<SocketAddr>,
    pub clock: TestClock,
    pub database: Arc<Database>,
    pub stop: Option<oneshot::Sender<()>>,
    pub ended: JoinHandle<Result<(), Error>>,
}

/// The configuration of tests: cheap hashes, a queue that nothing fills by accident, free ports.
pub fn config(database: &Database) -> Config {
    let flags = clap::Command::new("test").args(Settings::arguments()).get_matches_from([
        "test",
        "--database-url",
        &database.url,
        "--grpc-addr=127.0.0.1:0",
        "--http-addr=127.0.0.1:0",
        "--audience=countersign,other",
        "--delivery=log",
        "--issuer=http://localhost:8080",
        "--master-key-file",
        master_key(database).to_str().unwrap(),
        "--drain-delay=0s",
        "--hash-queue=1000",
        // The same of all replicas, whose ports differ.
        "--webauthn-rp-id=example.org",
        // Most tests of spent tokens are about what comes after the grace.
        "--refresh-grace=0s",
        // Most tests log in again and again, and keep no device token.
        "--new-device-notice=off",
    ]);
    let mut config = Config::parse(&Settings::from_flags(&flags)).unwrap();
    config.password.cost = 4;
    config
}

fn master_key(database: &Database) -> std::path::PathBuf {
    let path = database.folder().join("master.key");
    // The replicas of a database have one.
    if !path.exists() {
        std::fs::write(&path, countersign::token::MasterKey::generate_text().as_str()).unwrap();
    }
    path
}

impl Server {
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_config, _environment| {}).await
    }

    pub async fn start_with(
        backend: Backend,
        change: impl FnOnce(&mut Config, &mut Environment),
    ) -> Self {
        let database = Database::new(backend).await;
        Self::start_replica(Arc::new(database), TestClock::default(), change).await
    }

    /// A server on `database`, which is the test's to prepare.
    pub async fn start_at(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let change = |config: &mut Config, _: &mut Environment| change(config);
        Self::start_replica(Arc::new(database), TestClock::default(), change).await
    }

    /// Another server on the same database.
    pub async fn replica(&self, change: impl FnOnce(&mut Config, &mut Environment)) -> Self {
        Self::start_replica(Arc::clone(&self.database), self.clock.clone(), change).await
    }

    async fn start_replica(
        database: Arc<Database>,
        clock: TestClock,
        change: impl FnOnce(&mut Config, &mut Environment),
    ) -> Self {
        let mut config = config(&database);
        let mut environment = Environment {
            clock: clock.clock(),
            check_every: Duration::from_millis(20),
            deliver_every: Duration::from_millis(20),
            // Not within a test that does not ask for it, however slow the machine is.
            renew_message_every: Duration::from_secs(60),
            ..Environment::default()
        };
        change(&mut config, &mut environment);
        Self::start_on(database, &config, environment, clock).await
    }

    pub async fn start_on(
        database: impl Into<Arc<Database>>,
        config: &Config,
        environment: Environment,
        clock: TestClock,
    ) -> Self {
        logs::start();
        let app = App::bind(config, environment).await.unwrap();
        let tcp = |address: &Address| address.tcp().unwrap();
        let (grpc, http) = (tcp(app.grpc_addr()), tcp(app.http_addr()));
        let admin = app.admin_addr().map(tcp);
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(app.serve(async {
            // A test that drops its server asks it to stop, too.
            let _dropped = stopped.await;
        }));
        let endpoint = Channel::from_shared(format!("http://{grpc}")).unwrap();
        let channel = soon("connecting", endpoint.connect()).await.unwrap();
        Self {
            account: AccountServiceClient::new(channel.clone()),
            auth: AuthServiceClient::new(channel.clone()),
            tokens: TokenServiceClient::new(channel.clone()),
            channel,
            grpc,
            http,
            admin,
            clock,
            database: database.into(),
            stop: Some(stop),
            ended,
        }
    }

    /// Asks the server to stop and waits until it has.
    pub async fn stop(mut self) -> Result<(), Error> {
        drop(self.stop.take());
        soon("stopping", &mut self.ended).await.unwrap()
    }

    pub async fn register(&self, request: RegisterRequest) -> Result<User, Status> {
        let response = soon("Register", self.auth.clone().register(request)).await?;
        Ok(response.into_inner().user.unwrap())
    }

    /// A new user with that second factor, and no other of that name in this run.
    pub async fn user(&self, two_factor: bool) -> User {
        self.register(registration(two_factor)).await.unwrap()
    }

    /// Logs in, and waits until the code has been sent, if there is one.
    pub async fn login(&self, username: &str, password: &str) -> Result<LoginResponse, Status> {
        let response = self.login_only(username, password).await?;
        if matches!(response.result, Some(login_response::Result::Challenge(_))) {
            self.delivered().await;
        }
        Ok(response)
    }

    /// Logs in, whatever becomes of the code.
    pub async fn login_only(&self, name: &str, password: &str) -> Result<LoginResponse, Status> {
        let (username, password) = (name.to_owned(), password.to_owned());
        let request = LoginRequest { username, password, ..LoginRequest::default() };
        Ok(soon("Login", self.auth.clone().login(request)).await?.into_inner())
    }

    /// Waits until every message has been sent: from then on its code is in the log.
    pub async fn delivered(&self) {
        let sent = async || self.database.number("SELECT COUNT(*) FROM outbox").await == 0;
        eventually("the delivery", sent).await;
    }

    /// The challenge that a login of a user with a second factor gets.
    pub async fn challenge(&self, user: &User) -> Challenge {
        match self.login(&user.username, PASSWORD).await.unwrap().result {
            Some(login_response::Result::Challenge(challenge)) => challenge,
            other => panic!("no challenge: {other:?}"),
        }
    }

    pub async fn verify(&self, challenge: &Challenge, code: &str) -> Result<Tokens, Status> {
        let request = Verify2FaRequest {
            challenge_id: challenge.challenge_id.clone(),
            proof: Some(Proof::OtpCode(code.to_owned())),
            ..Default::default()
        };
        let response = soon("Verify2FA", self.auth.clone().verify2_fa(request)).await?;
        Ok(response.into_inner().tokens.unwrap())
    }

    pub async fn resend(&self, challenge: &Challenge) -> Result<Challenge, Status> {
        let request = ResendCodeRequest {
            challenge_id: challenge.challenge_id.clone(),
            ..Default::default()
        };
        let response = soon("ResendCode", self.auth.clone().resend_code(request)).await?;
        self.delivered().await;
        Ok(response.into_inner().challenge.unwrap())
    }

    /// The tokens of a new session of a user without a second factor.
    pub async fn session(&self, user: &User) -> Tokens {
        match self.login(&user.username, PASSWORD).await.unwrap().result {
            Some(login_response::Result::Tokens(tokens)) => tokens,
            other => panic!("no tokens: {other:?}"),
        }
    }

    /// The tokens of a new session of a user who gets codes by mail.
    pub async fn session_by_mail(&self, user: &User) -> Tokens {
        let challenge = self.challenge(user).await;
        self.verify(&challenge, &logs::code(&user.username)).await.unwrap()
    }

    pub async fn refresh(&self, token: &str, request_id: &str) -> Result<Tokens, Status> {
        let (refresh_token, request_id) = (token.to_owned(), request_id.to_owned());
        let request = RefreshTokenRequest { refresh_token, request_id };
        let response = soon("RefreshToken", self.auth.clone().refresh_token(request)).await?;
        Ok(response.into_inner().tokens.unwrap())
    }

    pub async fn logout(&self, token: &str) -> Result<(), Status> {
        let request = LogoutRequest { refresh_token: token.to_owned() };
        soon("Logout", self.auth.clone().logout(request)).await.map(|_| ())
    }

    pub async fn me(&self, tokens: &Tokens) -> Result<User, Status> {
        let response = self.account.clone().get_me(bearer(tokens, GetMeRequest {})).await?;
        Ok(response.into_inner().user.unwrap())
    }

    pub async fn sessions(&self, tokens: &Tokens) -> Result<Vec<Session>, Status> {
        let request = ListSessionsRequest { page_size: 100, ..Default::default() };
        let request = bearer(tokens, request);
        Ok(self.account.clone().list_sessions(request).await?.into_inner().sessions)
    }

    pub async fn change_password(
        &self,
        tokens: &Tokens,
        current: &str,
        new: &str,
    ) -> Result<(), Status> {
        let (current_password, new_password) = (current.to_owned(), new.to_owned());
        let request = ChangePasswordRequest {
            current_password,
            new_password,
            second_factor: None,
            ..Default::default()
        };
        let request = bearer(tokens, request);
        soon("ChangePassword", self.account.clone().change_password(request)).await.map(|_| ())
    }

    pub async fn delete_me(&self, tokens: &Tokens, password: &str) -> Result<(), Status> {
        let request = DeleteMeRequest {
            password: password.to_owned(),
            second_factor: None,
            ..Default::default()
        };
        let request = bearer(tokens, request);
        soon("DeleteMe", self.account.clone().delete_me(request)).await.map(|_| ())
    }
}

/// A request that comes with an access token.
pub fn bearer<T>(tokens: &Tokens, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {}", tokens.access_token).parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Another server on the same database; it ends with the test.
pub async fn replica(config: &Config, environment: Environment) -> AuthServiceClient<Channel> {
    let app = App::bind(config, environment).await.unwrap();
    let endpoint = Channel::from_shared(format!("http://{}", app.grpc_addr())).unwrap();
    tokio::spawn(app.serve(std::future::pending()));
    AuthServiceClient::new(soon("connecting", endpoint.connect()).await.unwrap())
}

/// The request of a user that is like no other.
pub fn registration(two_factor: bool) -> RegisterRequest {
    let username = unique("alice");
    RegisterRequest {
        email: format!("{username}@example.com"),
        username,
        password: PASSWORD.to_owned(),
        two_factor,
        ..Default::default()
    }
}

/// The request of a user that is the only one of its database.
pub fn alice(password: &str) -> RegisterRequest {
    RegisterRequest {
        username: "alice".to_owned(),
        email: "alice@example.com".to_owned(),
        password: password.to_owned(),
        two_factor: true,
        ..Default::default()
    }
}

/// A code of the form of `code` that is another one.
pub fn wrong(code: &str) -> String {
    match code.parse::<u32>() {
        Ok(digits) => format!("{:06}", (digits + 1) % 1_000_000),
        Err(_letters) => {
            let first = if code.starts_with('Z') { "Y" } else { "Z" };
            format!("{first}{}", &code[1..])
        }
    }
}
