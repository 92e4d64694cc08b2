//! What ends a service's token, and the tokens by which it acts for users; and what those who watch are told.

use countersign::{
    domain::Scope,
    pb::{Revocation, WatchRevocationsRequest, revocation::Subject},
    service::AccountRequest,
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{Service, Setting, operator};
use crate::harness::{Backend, eventually, jwt, on_both, soon};

/// What ends tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Logout,
    Tokens,
    Disable,
    Delete,
    NarrowScope,
    NarrowExchange,
}

impl End {
    async fn make(self, setting: &Setting, service: &Service, refresh_token: &str) {
        let (keeper, name) = (&setting.keeper, service.name.as_str());
        let narrow = |request: &mut AccountRequest| {
            if self == Self::NarrowScope {
                request.grants.scope = Scope::parse("a").unwrap();
            } else {
                request.grants.may_exchange = false;
            }
            Ok(())
        };
        match self {
            Self::Logout => setting.server.logout(refresh_token).await.unwrap(),
            Self::Tokens => drop(keeper.end_tokens(&operator(), name).await.unwrap()),
            Self::Disable => drop(keeper.disable(&operator(), name).await.unwrap()),
            Self::Delete => drop(keeper.delete(&operator(), name).await.unwrap()),
            Self::NarrowScope | Self::NarrowExchange => {
                drop(keeper.change(&operator(), name, narrow).await.unwrap());
            }
        }
    }
}

#[apply(on_both)]
#[tokio::test]
async fn exchanged_tokens_end_with_the_session_and_with_the_services_own(
    backend: Backend,
    #[values(
        End::Logout,
        End::Tokens,
        End::Disable,
        End::Delete,
        End::NarrowScope,
        End::NarrowExchange
    )]
    end: End,
) {
    let setting = Setting::start(backend).await;
    let (service, other) = (setting.service("a b").await, setting.service("a b").await);
    let user = setting.server.user(false).await;
    let own = setting.server.session(&user).await;
    let neighbour = setting.server.session(&user).await;
    let exchanged = setting.exchanged(&service, &own.access_token).await;
    let of_service = setting.token(&service).await;
    let of_neighbour = setting.exchanged(&service, &neighbour.access_token).await;
    let others = setting.exchanged(&other, &neighbour.access_token).await;
    end.make(&setting, &service, &own.refresh_token).await;
    let by_user = end == End::Logout;
    for (what, token, is_active) in [
        ("exchanged", &exchanged, false),
        ("the service's", &of_service, by_user),
        ("of another session", &of_neighbour, by_user),
        ("of another service", &others, true),
        ("the user's", &own.access_token, !by_user),
        ("the other session's", &neighbour.access_token, true),
    ] {
        // A command ends them beside the server, which hears of it.
        let is_so = async || setting.is_active(token).await == is_active;
        eventually(&format!("{end:?}: {what}"), is_so).await;
    }
}

/// One token ends alone, on every replica, and only by its own service.
#[apply(on_both)]
#[tokio::test]
async fn those_who_watch_are_told_of_accounts_and_of_single_tokens(backend: Backend) {
    let setting = Setting::start(backend).await;
    let service = setting.service("a").await;
    let token = setting.token(&service).await;
    let request = WatchRevocationsRequest::default();
    let mut stream =
        setting.server.tokens.clone().watch_revocations(request).await.unwrap().into_inner();
    let mut next = async || -> Revocation {
        loop {
            let message = soon("a revocation", stream.message()).await.unwrap().unwrap();
            if let Some(revocation) = message.revocation {
                return revocation;
            }
        }
    };
    let store = setting.server.database.store().await;
    let jti = jwt::claims(&token)["jti"].as_str().unwrap().to_owned();
    let now = setting.server.clock.now();
    let at = countersign::store::Revoking {
        now,
        tokens_expire_at: now.plus(std::time::Duration::from_secs(900)),
        actor: countersign::domain::Actor::Service(service.id),
        address: None,
        carried_out: None,
    };
    let token_id = Uuid::parse_str(&jti).unwrap();
    assert!(store.service_token_revoke(service.id, token_id, at).await.unwrap());
    assert_eq!(next().await.subject, Some(Subject::TokenId(jti)));
    assert!(!setting.is_active(&token).await);
    for epoch in 1..=2 {
        setting.keeper.end_tokens(&operator(), &service.name).await.unwrap();
        let told = next().await;
        assert_eq!(told.subject, Some(Subject::ServiceAccountId(service.id.to_string())));
        assert_eq!((told.service_epoch, told.session_epoch), (epoch, 0));
    }
    setting.keeper.delete(&operator(), &service.name).await.unwrap();
    assert_eq!(next().await.service_epoch, 3);
}
