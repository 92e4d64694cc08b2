//! Fetching documents: where to (SSRF), how large, how long.

use std::{error::Error as _, fs, time::Duration};

use countersign::{
    dial::Trust,
    domain::{FetchUrl, PrivateNetworks},
    fetch::{FetchError, Fetched, Fetcher, LONGEST_BODY, TIMEOUT},
};
use tokio::time::Instant;

use super::fetcher;
use crate::harness::key_server::{Answer, KeyServer};

async fn get(fetcher: &Fetcher, url: &str) -> Result<Fetched, FetchError> {
    fetcher.get(&FetchUrl::parse(url).unwrap(), None).await
}

#[tokio::test]
async fn no_private_address_is_called_unless_it_is_opened() {
    let (server, plain) = (KeyServer::start().await, KeyServer::start_plain().await);
    let closed = Fetcher::new(&server.certificate.trust(), PrivateNetworks::default()).unwrap();
    let (port, plain_port) = (server.port, plain.port);
    for url in [
        // A name that resolves to this machine, and addresses in several spellings.
        format!("https://localhost:{port}/keys"),
        format!("https://127.0.0.1:{port}/keys"),
        format!("https://0x7f.1:{port}/keys"),
        format!("https://2130706433:{port}/keys"),
        format!("https://[::ffff:127.0.0.1]:{port}/keys"),
        format!("https://[::1]:{port}/keys"),
        format!("https://0.0.0.0:{port}/keys"),
        format!("http://localhost:{plain_port}/keys"),
        format!("http://127.0.0.1:{plain_port}/keys"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "https://[64:ff9b::7f00:1]/".to_owned(),
    ] {
        let refused = get(&closed, &url).await.unwrap_err();
        assert!(matches!(refused, FetchError::Private { .. }), "{url}: {refused}");
        assert!(refused.to_string().contains("COUNTERSIGN_FETCH_PRIVATE"), "{refused}");
    }
    assert!(server.calls().is_empty() && plain.calls().is_empty());
    let answer = Answer::bytes("{}");
    server.answer("/keys?a=b", answer.clone());
    plain.answer("/keys", answer);
    let open = fetcher(&server.certificate.trust());
    assert_eq!(get(&open, &server.url("/keys?a=b")).await.unwrap().body, "{}");
    assert!(get(&open, &format!("http://localhost:{plain_port}/keys")).await.is_ok());
    assert_eq!(server.headers("host"), [Some(format!("localhost:{port}"))]);
    assert_eq!(server.headers("authorization"), [None]);
}

#[tokio::test]
async fn the_servers_certificate_must_be_trusted_and_for_its_name() {
    let server = KeyServer::start().await;
    server.answer("/keys", Answer::bytes("{}"));
    let stranger = get(&fetcher(&Trust::default()), &server.url("/keys")).await.unwrap_err();
    assert!(matches!(stranger, FetchError::Tls(..)), "{stranger}");
    assert!(stranger.to_string().contains("COUNTERSIGN_FETCH_CA"), "{stranger}");
    assert!(stranger.source().unwrap().to_string().contains("certificate"));
    let other_name = format!("https://127.0.0.1:{}/keys", server.port);
    let refused = get(&fetcher(&server.certificate.trust()), &other_name).await.unwrap_err();
    assert!(matches!(refused, FetchError::Tls(..)), "{refused}");
    assert!(server.calls().is_empty());
}

#[tokio::test]
async fn only_a_document_itself_is_taken_and_no_redirect_is_followed() {
    let server = KeyServer::start().await;
    let fetcher = fetcher(&server.certificate.trust());
    server.answer("/keys", Answer::status(302).with("location", "/elsewhere?token=hunter2"));
    server.answer("/elsewhere", Answer::bytes("{}"));
    let refused = get(&fetcher, &server.url("/keys")).await.unwrap_err();
    assert!(matches!(refused, FetchError::Redirect { .. }), "{refused}");
    assert!(refused.to_string().ends_with("leads to, /elsewhere"), "{refused}");
    for status in [201, 204, 206, 401, 403, 404, 500, 503] {
        server.answer("/keys", Answer::status(status));
        let refused = get(&fetcher, &server.url("/keys")).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("it answers {status}"));
    }
    assert!(server.calls().iter().all(|path| path == "/keys"), "{:?}", server.calls());
}

#[tokio::test]
async fn a_document_has_its_largest_size_and_says_how_long_it_is_fresh() {
    let server = KeyServer::start().await;
    let fetcher = fetcher(&server.certificate.trust());
    server.answer(
        "/keys",
        Answer::bytes(vec![b' '; LONGEST_BODY]).with("cache-control", "max-age=600"),
    );
    let fetched = get(&fetcher, &server.url("/keys")).await.unwrap();
    assert_eq!((fetched.body.len(), fetched.fresh_for), (LONGEST_BODY, Duration::from_secs(600)));
    server.answer("/keys", Answer::bytes(vec![b' '; LONGEST_BODY + 1]));
    let refused = get(&fetcher, &server.url("/keys")).await.unwrap_err();
    assert!(matches!(refused, FetchError::TooLong(_)), "{refused}");
    server.answer("/keys", Answer::bytes("{}").with("x-long", &"a".repeat(64 * 1024)));
    let refused = get(&fetcher, &server.url("/keys")).await.unwrap_err();
    assert!(matches!(refused, FetchError::Http(_)), "{refused}");
}

/// Time is made to pass as soon as all wait.
#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_after_five_seconds() {
    let server = KeyServer::start().await;
    let fetcher = fetcher(&server.certificate.trust());
    server.answer("/keys", Answer::never());
    tokio::time::pause();
    let begun = Instant::now();
    let refused = get(&fetcher, &server.url("/keys")).await.unwrap_err();
    assert!(matches!(refused, FetchError::Slow(_)), "{refused}");
    let took = begun.elapsed();
    assert!((TIMEOUT..TIMEOUT + Duration::from_millis(100)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_bearer_token_is_read_from_its_file_each_time() {
    let (server, folder) = (KeyServer::start().await, tempfile::tempdir().unwrap());
    let (fetcher, file) = (fetcher(&server.certificate.trust()), folder.path().join("token"));
    server.answer("/keys", Answer::bytes("{}"));
    let url = FetchUrl::parse(&server.url("/keys")).unwrap();
    for token in ["one", "two\n"] {
        fs::write(&file, token).unwrap();
        fetcher.get(&url, Some(&file)).await.unwrap();
    }
    let sent = ["Bearer one", "Bearer two"].map(|value| Some(value.to_owned()));
    assert_eq!(server.headers("authorization"), sent);
}
