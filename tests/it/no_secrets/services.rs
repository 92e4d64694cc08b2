//! Keys, assertions and tokens of services are secrets as well.

use countersign::pb::{
    ExchangeTokenRequest, IssueServiceTokenRequest, LoginRequest, RegisterRequest,
    auth_service_client::AuthServiceClient, exchange_token_request, issue_service_token_request,
    login_response::Result as Outcome, token_service_client::TokenServiceClient,
};
use rstest::rstest;
use serde_json::json;
use tonic::transport::Channel;

use super::{PASSWORD, canaries::Canaries, recorded};
use crate::{
    harness::{Backend, Database, command::output, jwt, server::alice, signer::Signer},
    process::{on, serve},
};

/// A caller of both RPCs.
struct Caller {
    tokens: TokenServiceClient<Channel>,
}

impl Caller {
    async fn by_key(&mut self, key: &str) -> Result<String, tonic::Status> {
        let proof = Some(issue_service_token_request::Proof::Key(key.to_owned()));
        let request = IssueServiceTokenRequest { proof, ..Default::default() };
        Ok(self.tokens.issue_service_token(request).await?.into_inner().access_token)
    }

    async fn by_assertion(&mut self, jwt: &str) -> Result<String, tonic::Status> {
        let proof = Some(issue_service_token_request::Proof::Assertion(jwt.to_owned()));
        let request = IssueServiceTokenRequest { proof, ..Default::default() };
        Ok(self.tokens.issue_service_token(request).await?.into_inner().access_token)
    }

    async fn exchange(&mut self, key: &str, subject: &str) -> Result<String, tonic::Status> {
        let proof = Some(exchange_token_request::Proof::Key(key.to_owned()));
        let subject_token = subject.to_owned();
        let request = ExchangeTokenRequest { proof, subject_token, ..Default::default() };
        Ok(self.tokens.exchange_token(request).await?.into_inner().access_token)
    }
}

async fn users_token(canaries: &Canaries) -> String {
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    let register = RegisterRequest { two_factor: false, ..alice(PASSWORD) };
    auth.register(register).await.unwrap();
    let (username, password) = ("alice".into(), PASSWORD.into());
    let login = LoginRequest { username, password, ..Default::default() };
    match auth.login(login).await.unwrap().into_inner().result {
        Some(Outcome::Tokens(tokens)) => tokens.access_token,
        other => panic!("no tokens: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn no_secret_of_a_service_is_in_any_output(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut canaries = Canaries::start(serve(&database));
    let master_key = canaries.master_key.clone();
    let run = |arguments: &[&str]| {
        let mut command = on(&database, arguments);
        command.env("COUNTERSIGN_MASTER_KEY", &master_key).env("COUNTERSIGN_LOG", "trace");
        let (said, logged) = output(command);
        assert!(said.status.success(), "{logged}");
        (String::from_utf8(said.stdout).unwrap(), logged)
    };
    let signer = Signer::new("a");
    let jwks = database.folder().join("jwks.json");
    std::fs::write(&jwks, signer.jwks().to_string()).unwrap();
    let jwks = jwks.to_str().unwrap();
    let create = ["service-account", "create", "cart", "--may-exchange", "--jwks", jwks];
    let (said, logged) = run(&create);
    canaries.keep(&logged);
    let key = said.split_whitespace().find(|word| word.starts_with("cskey")).unwrap().to_owned();

    let tokens = TokenServiceClient::connect(canaries.grpc()).await.unwrap();
    let mut caller = Caller { tokens };
    let token = caller.by_key(&key).await.unwrap();
    let mistyped = format!("{}{}", &key[..53], if key.ends_with('x') { "y" } else { "x" });
    canaries.refused(caller.by_key(&mistyped).await);
    let subject = users_token(&canaries).await;
    let exchanged = caller.exchange(&key, &subject).await.unwrap();
    let (_, signature) = subject.rsplit_once('.').unwrap();
    let forged = subject.replace(signature, &signature.chars().rev().collect::<String>());
    canaries.refused(caller.exchange(&key, &forged).await);
    canaries.refused(caller.exchange(&key, &exchanged).await);
    let claims = jwt::claims(&token);
    let assertion = |aud: &serde_json::Value, jti: &str| {
        let exp = claims["iat"].as_i64().unwrap() + 60;
        signer.sign(&json!({
            "iss": claims["sub"], "sub": claims["sub"], "aud": aud, "exp": exp, "jti": jti,
        }))
    };
    let used = assertion(&claims["iss"], "canary-jti");
    let by_assertion = caller.by_assertion(&used).await.unwrap();
    canaries.refused(caller.by_assertion(&used).await);
    let misdirected = assertion(&json!("https://other.example"), "canary-other");
    canaries.refused(caller.by_assertion(&misdirected).await);
    for arguments in [
        &["service-account", "list"][..],
        &["service-account", "show", "cart"],
        &["service-account", "show", "cart", "--json"],
        &["service-account", "key", "list", "cart"],
        &["service-account", "end-tokens", "cart"],
        &["events"],
    ] {
        let (said, logged) = run(arguments);
        canaries.keep(&said);
        canaries.keep(&logged);
    }
    canaries.get("/metrics").await;
    canaries.stop(0).await;
    let recorded = recorded(&database).await;
    assert!(recorded.contains("token_exchanged"), "{recorded}");
    canaries.keep(&recorded);
    for (what, secret) in
        [("the key", &key), ("a mistyped key", &mistyped), ("the master key", &master_key)]
    {
        canaries.must_not_hold(what, secret);
    }
    for (what, jwt) in [
        ("the service's token", &token),
        ("the token by an assertion", &by_assertion),
        ("the user's token", &subject),
        ("a forged token", &forged),
        ("the exchanged token", &exchanged),
        ("an assertion", &used),
        ("a refused assertion", &misdirected),
    ] {
        canaries.must_not_hold(what, jwt);
        canaries.must_not_hold(what, jwt.rsplit('.').next().unwrap());
    }
}
