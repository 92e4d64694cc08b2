//! CreateSubscription, ListSubscriptions, DeleteSubscription.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use countersign::pb::{
    CreateSubscriptionRequest, DeleteSubscriptionRequest, ListSubscriptionsRequest,
};
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Code;

use super::{
    admin,
    receivers::{Posting, subscription},
    refusal, user_with,
};
use crate::harness::{Backend, Server, on_both, server::bearer};

const URL: &str = "https://hooks.example.com/events?token=canary-of-a-url";

fn secret_of(bytes: usize) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]))
}

#[apply(on_both)]
#[tokio::test]
async fn a_subscription_is_created_with_a_secret_that_is_shown_once(backend: Backend) {
    let posting = Posting::start(backend).await;
    let created = posting.create(subscription(URL, &["login_failed", "app_added"])).await.unwrap();
    let (new, drawn) = (created.subscription.unwrap(), created.secret);
    let bytes = BASE64_STANDARD.decode(drawn.strip_prefix("whsec_").unwrap()).unwrap();
    assert_eq!(bytes.len(), 32);
    let given = secret_of(64);
    let request = CreateSubscriptionRequest { secret: given.clone(), ..subscription(URL, &[]) };
    let other = posting.create(request).await.unwrap();
    assert_eq!(other.secret, given);
    assert_ne!(posting.create(subscription(URL, &[])).await.unwrap().secret, drawn);
    let listed = posting.subscriptions().await;
    assert_eq!((listed.len(), &listed[0], &listed[1]), (3, &new, &other.subscription.unwrap()));
    assert_eq!((&*new.url, new.kinds.len(), new.disable_time), (URL, 2, None));
    assert!(new.create_time.is_some() && listed[1].kinds.is_empty());
    // The database's readers do not learn it.
    let held = posting
        .server
        .database
        .number("SELECT CAST(MAX(length(sealed_secret)) AS BIGINT) FROM subscriptions")
        .await;
    assert!(held > 80, "{held}");
    let plain = match backend {
        Backend::Sqlite => format!("instr(CAST(sealed_secret AS TEXT), '{}') > 0", &drawn[6..]),
        Backend::Postgres => {
            format!("position('{}'::bytea in sealed_secret) > 0", &drawn[6..])
        }
    };
    let sql = format!("SELECT COUNT(*) FROM subscriptions WHERE {plain}");
    assert_eq!(posting.server.database.number(&sql).await, 0);
}

#[tokio::test]
async fn each_bad_field_is_named_and_nothing_is_created() {
    let posting = Posting::with(Backend::Sqlite, |_, _| {}).await;
    let fields = async |request| {
        let (code, reason, fields) = refusal(posting.create(request).await);
        assert_eq!((code, &*reason), (Code::InvalidArgument, "INVALID_FIELD"));
        fields
    };
    let long = format!("https://example.com/{}", "a".repeat(2029));
    for url in [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "https://user:password@hooks.example.com/",
        "https://hooks.example.com/#a",
        "ftp://hooks.example.com/",
        "https://127.0.0.1/",
        "http://127.0.0.1/",
        "http://localhost/",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f.1/",
        " https://hooks.example.com/",
        "https://hooks.example.com/\r\na",
        &long,
    ] {
        assert_eq!(fields(subscription(url, &[])).await, ["url"], "{url}");
    }
    assert_eq!(fields(subscription(URL, &["login_failed", "x"])).await, ["kinds"]);
    for secret in [
        secret_of(23),
        secret_of(65),
        BASE64_STANDARD.encode([7; 32]),
        "whsec_%".into(),
        "x".repeat(129),
    ] {
        let request = CreateSubscriptionRequest { secret, ..subscription(URL, &[]) };
        assert_eq!(fields(request).await, ["secret"]);
    }
    let all = CreateSubscriptionRequest { secret: "x".into(), ..subscription("x", &["x"]) };
    assert_eq!(fields(all).await, ["url", "kinds", "secret"]);
    assert_eq!(fields(CreateSubscriptionRequest::default()).await, ["url"], "none at all");
    assert!(posting.subscriptions().await.is_empty());
    for id in ["x", "", &"1".repeat(65)] {
        assert_eq!(refusal(posting.delete(id).await).2, ["id"], "{id}");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn there_are_twenty_at_most_also_where_many_are_created_at_once(backend: Backend) {
    let posting = Posting::start(backend).await;
    let created = join_all((0..24).map(|_| posting.create(subscription(URL, &[])))).await;
    let (done, refused): (Vec<_>, Vec<_>) = created.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), posting.subscriptions().await.len()), (20, 20));
    for refused in refused {
        let (code, reason, _) = refusal(refused);
        assert_eq!((code, &*reason), (Code::FailedPrecondition, "TOO_MANY_SUBSCRIPTIONS"));
    }
    posting.delete(&posting.subscriptions().await[7].id).await.unwrap();
    posting.create(subscription(URL, &[])).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn what_is_only_checked_changes_nothing(backend: Backend) {
    let posting = Posting::start(backend).await;
    let events = "SELECT COUNT(*) FROM events WHERE kind LIKE 'subscription%'";
    let before = posting.server.database.number(events).await;
    let request = CreateSubscriptionRequest { validate_only: true, ..subscription(URL, &[]) };
    let checked = posting.create(request).await.unwrap();
    assert_eq!((&*checked.secret, &*checked.subscription.unwrap().id), ("", ""));
    let bad = CreateSubscriptionRequest { validate_only: true, ..subscription("x", &[]) };
    assert_eq!(refusal(posting.create(bad).await).2, ["url"]);
    assert!(posting.subscriptions().await.is_empty());
    assert_eq!(posting.server.database.number(events).await, before);
}

/// Each change is an event, with who did it. One that is gone already is no error, and no event.
#[apply(on_both)]
#[tokio::test]
async fn changes_are_events_of_their_actor(backend: Backend) {
    let posting = Posting::start(backend).await;
    let created = posting.create(subscription(URL, &[])).await.unwrap();
    let id = created.subscription.unwrap().id;
    for _ in 0..2 {
        posting.delete(&id).await.unwrap();
    }
    posting.delete("00000000-0000-0000-0000-000000000007").await.unwrap();
    assert!(posting.subscriptions().await.is_empty());
    let request = bearer(&posting.tokens, countersign::pb::ListEventsRequest::default());
    let listed = admin(&posting.server).list_events(request).await.unwrap().into_inner().events;
    let about: Vec<_> = listed.iter().filter(|event| event.subscription_id == id).collect();
    let kinds: Vec<_> = about.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["subscription_deleted", "subscription_created"]);
    for event in about {
        assert!(event.actor.starts_with("user:") && event.address == "127.0.0.1", "{event:?}");
        assert_eq!((&event.session_id, &*event.user_id), (&posting.tokens.session_id, ""));
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_viewer_lists_and_changes_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let (_, viewer) = user_with(&server, "admin.viewer").await;
    let (_, user) = user_with(&server, "").await;
    for (tokens, may_list) in [(&viewer, true), (&user, false)] {
        let listed =
            admin(&server).list_subscriptions(bearer(tokens, ListSubscriptionsRequest {})).await;
        assert_eq!(listed.is_ok(), may_list);
        let created =
            admin(&server).create_subscription(bearer(tokens, subscription(URL, &[]))).await;
        let id = "00000000-0000-0000-0000-000000000007".to_owned();
        let deleted = admin(&server)
            .delete_subscription(bearer(tokens, DeleteSubscriptionRequest { id }))
            .await;
        for refused in [refusal(created), refusal(deleted)] {
            assert_eq!((refused.0, &*refused.1), (Code::PermissionDenied, "PERMISSION_MISSING"));
        }
    }
}
