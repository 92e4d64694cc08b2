//! Tokens of workloads as proofs: of the account that the workload is now.

use countersign::{domain::Workload, service::AccountRequest};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::json;

use super::{
    Service, Setting,
    assertions::{refused, setting},
    by_assertion, operator, wanting,
};
use crate::harness::{
    Backend,
    key_server::{Answer, KeyServer},
    on_both,
    signer::Signer,
};

const ISSUER: &str = "https://kubernetes.default.svc";
const SUBJECT: &str = "system:serviceaccount:shop:cart";

async fn bind(setting: &Setting, service: &Service, subjects: &[&str]) {
    let bind = |request: &mut AccountRequest| {
        let workload =
            |subject: &&str| Workload { issuer: ISSUER.into(), subject: (*subject).into() };
        request.workloads = subjects.iter().map(workload).collect();
        Ok(())
    };
    setting.keeper.change(&operator(), &service.name, bind).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn a_workload_is_the_account_that_it_is_bound_to_at_the_time(backend: Backend) {
    let (keys, signer) = (KeyServer::start().await, Signer::new("a"));
    keys.answer("/keys", Answer::json(&signer.jwks()));
    let setting = setting(backend, &keys, &format!("{ISSUER}={}", keys.url("/keys"))).await;
    let now = setting.server.clock.now().unix_seconds();
    let jwt = signer.sign(&json!({
        "iss": ISSUER, "sub": SUBJECT, "aud": ["http://localhost:8080"], "iat": now, "exp": now + 3600,
    }));
    let (one, other) = (setting.create(wanting("a")).await, setting.create(wanting("b")).await);
    let ask = async || setting.issue(by_assertion(&jwt)).await;
    assert!(refused(ask().await).contains("no service account"), "not bound");
    bind(&setting, &one, &[SUBJECT]).await;
    for _ in 0..2 {
        let issued = ask().await.unwrap();
        let said = setting.claims(&issued.access_token).await.unwrap();
        assert_eq!((said.sub, said.scope.as_str()), (one.id.to_string(), "a"));
    }
    bind(&setting, &one, &["system:serviceaccount:shop:other"]).await;
    assert!(refused(ask().await).contains("no service account"), "unbound");
    bind(&setting, &other, &[SUBJECT]).await;
    let issued = ask().await.unwrap();
    let said = setting.claims(&issued.access_token).await.unwrap();
    assert_eq!((said.sub, said.scope.as_str()), (other.id.to_string(), "b"), "moved");
    setting.keeper.disable(&operator(), &other.name).await.unwrap();
    assert!(refused(ask().await).contains("disabled"));
    setting.keeper.delete(&operator(), &other.name).await.unwrap();
    assert!(refused(ask().await).contains("no service account"), "deleted");
}
