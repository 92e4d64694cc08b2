//! The pages, and what is beside them.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::client::{Whole, exchange, request};
use crate::harness::{Backend, Server, oauth::ask};

async fn server() -> Server {
    Server::start_with(Backend::Sqlite, |config, _| {
        config.listen.docs = true;
        config.listen.home = true;
    })
    .await
}

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Whole {
    exchange(server.http, request("GET", path, headers, "")).await
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again_and_the_rest_is_compressed() {
    let server = server().await;
    for path in
        ["/", "/docs", "/docs/swagger-ui/swagger-ui-bundle.js", "/home/main.js", "/icon.svg"]
    {
        let plain = get(&server, path, &[]).await;
        assert_eq!((plain.status, plain.header("content-encoding")), (200, ""), "{path}");
        let gzip = get(&server, path, &[("accept-encoding", "gzip, deflate, br")]).await;
        assert_eq!((gzip.status, gzip.header("content-encoding")), (200, "gzip"), "{path}");
        assert_eq!(gzip.header("content-type"), plain.header("content-type"));
        let mut text = Vec::new();
        GzDecoder::new(&gzip.body[..]).read_to_end(&mut text).unwrap();
        assert!(text == plain.body, "{path}");
        assert!(gzip.body.len() < plain.body.len(), "{path}");
        let etag = plain.header("etag");
        assert!(!etag.is_empty() && etag == gzip.header("etag"));
        let known = get(&server, path, &[("if-none-match", etag)]).await;
        assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, etag));
        for answer in [&plain, &gzip, &known] {
            assert_eq!(
                (answer.header("vary"), answer.header("cache-control")),
                ("accept-encoding", "no-cache")
            );
            assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        }
    }
}

#[tokio::test]
async fn no_browser_takes_an_answer_for_another_type() {
    let server = server().await;
    for path in ["/", "/docs", "/docs/docs.js", "/openapi.json", "/dev/inbox", "/v1/me"] {
        let answer = get(&server, path, &[("host", "localhost")]).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}: {answer:?}");
    }
}

/// Browsers keep a permanent redirect for ever.
#[tokio::test]
async fn a_slash_too_many_leads_to_the_page_for_now() {
    let server = server().await;
    let answer = ask(&server, "GET", "/docs/", "", "").await;
    assert_eq!((answer.status, answer.header("location")), (307, "/docs"));
}
