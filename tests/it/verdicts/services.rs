//! Each way in which a token of a service ends early, or one by which it acts for a user.

use rstest::rstest;
use rstest_reuse::apply;

use super::Scene;
use crate::harness::{
    Backend,
    oauth::{
        Machine, basic, exchanged_token, keeper, machine_for_users, operator, post, service_token,
    },
    on_both,
};

/// A service's own token, and one by which it acts for a user.
async fn tokens(scene: &Scene, service: &Machine, users: &str) -> [String; 2] {
    let server = scene.server();
    let own = service_token(server, service, "").await;
    [own, exchanged_token(server, service, users).await.token()]
}

#[apply(on_both)]
#[tokio::test]
async fn a_service_ends_a_token_of_its_own(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let user = server.session(&server.user(false).await).await;
    let cart = machine_for_users(server, "a").await;
    let [own, exchanged] = tokens(&scene, &cart, &user.access_token).await;
    let kept = service_token(server, &cart, "").await;
    for (ended, kept) in [
        (&own, vec![&kept, &exchanged, &user.access_token]),
        (&exchanged, vec![&kept, &user.access_token]),
    ] {
        let kept: Vec<_> = kept.into_iter().map(String::as_str).collect();
        let (header, form) = (basic(&cart.id, &cart.key), [("token", ended.as_str())]);
        let revoke = post(server, "/oauth2/revoke", &header, &form);
        assert_eq!(scene.ends(&[ended], &kept, revoke).await.status, 200);
    }
}

#[apply(on_both)]
#[tokio::test]
async fn what_a_service_does_for_a_user_ends_with_the_users_session(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let user = server.session(&server.user(false).await).await;
    let cart = machine_for_users(server, "a").await;
    let [own, exchanged] = tokens(&scene, &cart, &user.access_token).await;
    let ended = [exchanged.as_str(), user.access_token.as_str()];
    scene.ends(&ended, &[&own], server.logout(&user.refresh_token)).await.unwrap();
}

/// What an operator does to an account.
#[derive(Debug, Clone, Copy)]
enum Does {
    EndTokens,
    Narrow,
    Disable,
    Delete,
}

#[apply(on_both)]
#[tokio::test]
async fn an_operator_ends_all_tokens_of_a_service(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let user = server.session(&server.user(false).await).await;
    let keeper = keeper(server).await;
    for does in [Does::EndTokens, Does::Narrow, Does::Disable, Does::Delete] {
        let (cart, other) =
            (machine_for_users(server, "a").await, machine_for_users(server, "a").await);
        let ended = tokens(&scene, &cart, &user.access_token).await;
        let kept = tokens(&scene, &other, &user.access_token).await;
        let act = async {
            let by = operator();
            match does {
                Does::EndTokens => drop(keeper.end_tokens(&by, &cart.name).await.unwrap()),
                Does::Narrow => {
                    let narrow = |request: &mut countersign::service::AccountRequest| {
                        request.grants.scope = countersign::domain::Scope::default();
                        Ok(())
                    };
                    drop(keeper.change(&by, &cart.name, narrow).await.unwrap());
                }
                Does::Disable => drop(keeper.disable(&by, &cart.name).await.unwrap()),
                Does::Delete => drop(keeper.delete(&by, &cart.name).await.unwrap()),
            }
        };
        let kept = [kept[0].as_str(), kept[1].as_str(), user.access_token.as_str()];
        scene.ends_beside(&[&ended[0], &ended[1]], &kept, act).await;
    }
}
