//! What a replica ends itself, while callers ask.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use countersign::service::Verdicts;
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;

use super::Scene;
use crate::harness::{Backend, on_both, soon};

/// Asks until the answer is no, and some times more. Whoever asks after somebody was told so is told so.
async fn ask(verdicts: Arc<Verdicts>, token: String, told: Arc<AtomicBool>) {
    let mut after = 0;
    while after < 20 {
        let was_told = told.load(Ordering::SeqCst);
        let is_active = verdicts.introspect_token(&token).await.unwrap().is_some();
        assert!(!(was_told && is_active), "active again");
        if !is_active {
            told.store(true, Ordering::SeqCst);
            after += 1;
        }
        tokio::task::yield_now().await;
    }
}

/// From the mark before the commit to the log: at no moment is an end in neither.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_ended_is_never_active_again(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let (user, other) = (server.user(false).await, &scene.other);
    for _ in 0..20 {
        let tokens = server.session(&user).await;
        other.revocations.read().await.unwrap();
        let told = Arc::<AtomicBool>::default();
        let callers = (0..4).map(|_| {
            let (token, told) = (tokens.access_token.clone(), Arc::clone(&told));
            tokio::spawn(ask(Arc::clone(&other.verdicts), token, told))
        });
        let callers = join_all(callers.collect::<Vec<_>>());
        let end = async {
            let context = crate::service_accounts::operator();
            let token = countersign::token::OpaqueToken::from_text(tokens.refresh_token.clone());
            other.sessions.logout(&context, token).await.unwrap();
            let is_active =
                other.verdicts.introspect_token(&tokens.access_token).await.unwrap().is_some();
            assert!(!is_active, "its end was acknowledged");
            told.store(true, Ordering::SeqCst);
        };
        let read = async {
            while !told.load(Ordering::SeqCst) {
                other.revocations.read().await.unwrap();
                tokio::task::yield_now().await;
            }
            other.revocations.read().await.unwrap();
        };
        let (callers, (), ()) = soon("all", async { tokio::join!(callers, end, read) }).await;
        for caller in callers {
            caller.unwrap();
        }
    }
}
