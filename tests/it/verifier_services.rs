//! `countersign-verify` and the tokens of services, against the real server.

use std::{fs, time::Duration};

use countersign::{
    domain::{
        Actor, AssertionKeys, EventKind, Grants, Scope, ServiceAccount, ServiceAccountId,
        ServiceKeyText,
    },
    pb::{
        ExchangeTokenRequest, IssueServiceTokenRequest, exchange_token_request,
        issue_service_token_request, login_response::Result as Outcome,
    },
    service::with_digest_key,
    store::{AccountChanged, NewServiceAccount, NewServiceKey, Revoking, ServiceAccountChange},
    token::{MasterKey, Purpose},
};
use countersign_verify::{Accept, Verifier, VerifyError};
use rstest::rstest;
use uuid::Uuid;

use crate::harness::{Backend, Beats, Server, eventually, server::PASSWORD};
use crate::verifier::{settings, verifier};

/// A server with a service account that may act for users, and a verifier that follows it.
struct Setting {
    server: Server,
    account: ServiceAccount,
    key: String,
    verifier: Verifier,
}

impl Setting {
    async fn new(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let (account, key) = create(&server).await;
        let verifier = verifier(server.grpc, settings("countersign")).await;
        eventually("following", async || verifier.status().is_following).await;
        Self { server, account, key, verifier }
    }

    async fn issued(&self, scope: &str) -> String {
        let proof = Some(issue_service_token_request::Proof::Key(self.key.clone()));
        let scope = scope.to_owned();
        let request = IssueServiceTokenRequest { proof, scope, ..Default::default() };
        let answer = self.server.tokens.clone().issue_service_token(request).await.unwrap();
        answer.into_inner().access_token
    }

    async fn exchanged(&self, subject_token: &str, scope: &str) -> String {
        let proof = Some(exchange_token_request::Proof::Key(self.key.clone()));
        let (subject_token, scope) = (subject_token.to_owned(), scope.to_owned());
        let request = ExchangeTokenRequest { proof, subject_token, scope, ..Default::default() };
        let answer = self.server.tokens.clone().exchange_token(request).await.unwrap();
        answer.into_inner().access_token
    }

    async fn login(&self) -> (String, String) {
        let user = self.server.user(false).await;
        match self.server.login(&user.username, PASSWORD).await.unwrap().result {
            Some(Outcome::Tokens(tokens)) => (user.id, tokens.access_token),
            other => panic!("no tokens: {other:?}"),
        }
    }

    async fn error(&self, accept: &Accept, jwt: &str) -> Option<VerifyError> {
        self.verifier.verify_from(accept, jwt).await.err()
    }
}

fn asking(server: &Server) -> Revoking {
    let now = server.clock.now();
    let tokens_expire_at = now.plus(Duration::from_secs(3600));
    Revoking { now, tokens_expire_at, actor: Actor::Operator, address: None, carried_out: None }
}

/// An account with the scopes `orders.read` and `orders.write`, and its key.
async fn create(server: &Server) -> (ServiceAccount, String) {
    let at = asking(server);
    let store = server.database.store().await;
    let master_key = fs::read_to_string(server.database.folder().join("master.key")).unwrap();
    let master_key = MasterKey::parse(master_key.trim()).unwrap();
    let master_key = with_digest_key(master_key, &*store, &server.clock.clock()).await.unwrap();
    let text = ServiceKeyText::of(&[7; 32]);
    let account = ServiceAccount {
        id: ServiceAccountId(Uuid::now_v7()),
        name: "shop".to_owned(),
        grants: Grants {
            scope: Scope::parse("orders.read orders.write").unwrap(),
            audiences: Vec::new(),
            may_exchange: true,
        },
        assertion_keys: AssertionKeys::default(),
        epoch: 0,
        disabled_at: None,
        created_at: at.now,
    };
    let key = NewServiceKey {
        id: Uuid::now_v7(),
        account_id: account.id,
        digest: master_key.digest(Purpose::ServiceKey, &[text.expose().as_bytes()]),
        created_at: at.now,
        expires_at: None,
    };
    let new = NewServiceAccount { account: account.clone(), workloads: Vec::new(), key: Some(key) };
    let taken = store.service_account_create(new, at).await.unwrap();
    assert_eq!(taken, None);
    (account, text.expose().to_owned())
}

#[rstest]
#[tokio::test]
async fn tokens_of_services_and_of_users_are_told_apart_and_limited_by_their_scope(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let setting = Setting::new(backend).await;
    let (user_id, own) = setting.login().await;
    let (service, exchanged) =
        (setting.issued("orders.read").await, setting.exchanged(&own, "orders.read").await);
    let read = Accept::users_and_services().require_scope("orders.read");
    let write = Accept::users_and_services().require_scope("orders.write");
    let claims = setting.verifier.verify_from(&read, &service).await.unwrap();
    assert_eq!(claims.service().unwrap().id.to_string(), setting.account.id.to_string());
    assert!(claims.user().is_none());
    let claims = setting.verifier.verify_from(&read, &exchanged).await.unwrap();
    assert_eq!(claims.user().unwrap().id.to_string(), user_id);
    assert_eq!(claims.actor().unwrap().id.to_string(), setting.account.id.to_string());
    for limited in [&service, &exchanged] {
        assert_eq!(setting.error(&write, limited).await, Some(VerifyError::InsufficientScope));
        assert_eq!(setting.verifier.verify(limited).await, Err(VerifyError::CallerNotAccepted));
    }
    assert_eq!(setting.error(&write, &own).await, None, "no scope limits a user's own token");
}

#[rstest]
#[tokio::test]
async fn the_end_of_an_accounts_tokens_and_of_one_token_is_known_within_a_second(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let setting = Setting::new(backend).await;
    let (server, store) = (&setting.server, setting.server.database.store().await);
    let (_, own) = setting.login().await;
    let one = setting.issued("orders.read").await;
    let both = [setting.issued("").await, setting.exchanged(&own, "").await];
    let any = Accept::users_and_services().any_scope();
    let token_id = setting.verifier.verify_from(&any, &one).await.unwrap().jti;
    let (id, at) = (setting.account.id, asking(server));
    assert!(store.service_token_revoke(id, token_id, at.clone()).await.unwrap());
    let since = Beats::start();
    eventually("the one token", async || setting.error(&any, &one).await.is_some()).await;
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    for jwt in &both {
        assert_eq!(setting.error(&any, jwt).await, None);
    }
    let account = ServiceAccount { epoch: 1, ..setting.account.clone() };
    let kind = EventKind::ServiceAccountChanged;
    let (was, workloads) = (setting.account.clone(), None);
    let change = ServiceAccountChange { was, account, workloads, kind, at };
    assert_eq!(store.service_account_change(change).await.unwrap(), AccountChanged::Yes);
    let since = Beats::start();
    eventually("all of them", async || {
        setting.error(&any, &both[0]).await.is_some()
            && setting.error(&any, &both[1]).await.is_some()
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!(setting.error(&any, &own).await, None, "the user goes on");
    eventually("a token of the next epoch", async || {
        setting.error(&any, &setting.issued("").await).await.is_none()
    })
    .await;
}
