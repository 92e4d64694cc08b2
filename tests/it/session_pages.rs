//! ListSessions and ListUserSessions, page by page.

use std::time::Duration;

use countersign::pb::{ListSessionsRequest, ListSessionsResponse, Tokens};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Status;

use crate::harness::{Backend, Server, on_both, server::bearer, violations};

async fn page(
    server: &Server,
    tokens: &Tokens,
    page_size: i32,
    page_token: &str,
) -> Result<ListSessionsResponse, Status> {
    let request = ListSessionsRequest { page_size, page_token: page_token.to_owned() };
    Ok(server.account.clone().list_sessions(bearer(tokens, request)).await?.into_inner())
}

/// All pages of that size, as the ids on each.
async fn pages(server: &Server, tokens: &Tokens, size: i32) -> Vec<Vec<String>> {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let page = page(server, tokens, size, &token).await.unwrap();
        pages.push(page.sessions.into_iter().map(|session| session.id).collect());
        if page.next_page_token.is_empty() {
            return pages;
        }
        token = page.next_page_token;
    }
}

#[apply(on_both)]
#[tokio::test]
async fn pages_have_each_session_once_the_one_used_last_first(backend: Backend) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let mut begun = Vec::new();
    for seconds in [0, 10, 0, 10, 10] {
        // Two of them began at the same moment.
        server.clock.advance(Duration::from_secs(seconds));
        begun.push(server.session(&user).await);
    }
    let whole = pages(&server, &begun[0], 0).await.concat();
    let newest_first = |at: usize| whole.iter().position(|id| *id == begun[at].session_id);
    assert_eq!([4, 3].map(newest_first), [Some(0), Some(1)]);
    assert_eq!((whole.len(), newest_first(0)), (5, Some(4)));
    for (size, lengths) in [(1, vec![1; 5]), (2, vec![2, 2, 1]), (4, vec![4, 1]), (5, vec![5])] {
        let found = pages(&server, &begun[0], size).await;
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
        assert_eq!(found.concat(), whole, "{size}");
    }
}

/// It is then on a page that was read before, and none of the others is missing.
#[apply(on_both)]
#[tokio::test]
async fn a_session_that_is_used_meanwhile_moves_no_other_one(backend: Backend) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let mut begun = Vec::new();
    for _ in 0..4 {
        server.clock.advance(Duration::from_secs(10));
        begun.push(server.session(&user).await);
    }
    let first = page(&server, &begun[3], 2, "").await.unwrap();
    server.clock.advance(Duration::from_secs(10));
    server.refresh(&begun[0].refresh_token, "").await.unwrap();
    let rest = page(&server, &begun[3], 2, &first.next_page_token).await.unwrap();
    let ids: Vec<_> = rest.sessions.iter().map(|session| &session.id).collect();
    assert_eq!((ids, rest.next_page_token.as_str()), (vec![&begun[1].session_id], ""));
}

#[tokio::test]
async fn bad_sizes_and_tokens_are_named() {
    let server = Server::start(Backend::Sqlite).await;
    let (user, other) = (server.user(false).await, server.user(false).await);
    let tokens = [server.session(&user).await, server.session(&user).await];
    let others = server.session(&other).await;
    let next = page(&server, &tokens[0], 1, "").await.unwrap().next_page_token;
    assert!(!next.is_empty());
    let changed = format!("A{}", &next[1..]);
    for (asking, size, token, field) in [
        (&tokens[0], -1, "", "page_size"),
        (&tokens[0], 1, "x", "page_token"),
        (&tokens[0], 1, &changed, "page_token"),
        (&tokens[0], 1, &"x".repeat(2049), "page_token"),
        // Another user's list.
        (&others, 1, &next, "page_token"),
    ] {
        let refused = page(&server, asking, size, token).await.unwrap_err();
        assert_eq!(violations(&refused), [field]);
    }
    // Another session of the same user may go on, and a huge page is as good as the largest.
    assert_eq!(page(&server, &tokens[1], i32::MAX, &next).await.unwrap().sessions.len(), 1);
}
