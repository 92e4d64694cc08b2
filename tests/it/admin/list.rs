//! ListUsers, against a list that is filtered and sorted here.

use std::{collections::BTreeSet, time::Duration};

use countersign::{
    domain::{Timestamp, User},
    pb::{ListUsersRequest, UserFilter, UserState},
    store::{NewUser, Store},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::Office;
use crate::{
    harness::{Backend, Database, on_both, violations},
    store::new_user,
};

const FIRST: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

fn second(number: u64) -> Timestamp {
    FIRST.plus(Duration::from_secs(number))
}

fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.unix_seconds(), nanos: 0 }
}

/// What is known of a user here.
#[derive(Debug, Clone)]
struct Known {
    user: User,
    last_login: Option<Timestamp>,
}

/// Users of all kinds. Three share each time of creation: the id decides among them.
async fn users(database: &Database, store: &dyn Store, number: u64) -> Vec<Known> {
    let mut known = Vec::new();
    for index in 0..number {
        let names = ["Anna", "anton", "berta", "Ärmel", "ann"];
        let username = format!("{}{index}", names[usize::try_from(index % 5).unwrap()]);
        let domain = if index % 2 == 0 { "Example.com" } else { "b.example.org" };
        let email =
            format!("{}{}@{domain}", ["x", "y.z"][usize::try_from(index % 2).unwrap()], index);
        let roles = match index % 6 {
            0 => vec!["staff".to_owned()],
            1 => vec!["staff".to_owned(), "other".to_owned()],
            _ => Vec::new(),
        };
        let user = User {
            email_verified: index % 3 == 0,
            disabled_at: (index % 7 == 0).then(|| second(index)),
            roles,
            ..User::new(Uuid::now_v7(), username.clone(), email.clone(), second(index / 3))
        };
        let new = NewUser {
            username_key: username.to_lowercase(),
            email_key: email.to_lowercase(),
            user: user.clone(),
            ..new_user()
        };
        assert!(store.user_create(new).await.unwrap());
        known.push(Known { user, last_login: None });
    }
    for (index, known) in known.iter_mut().enumerate().filter(|(index, _)| index % 4 == 1) {
        let at = known.user.created_at.plus(Duration::from_secs(u64::try_from(index % 9).unwrap()));
        let sql = match database.backend {
            Backend::Sqlite => at.unix_micros().to_string(),
            Backend::Postgres => format!("to_timestamp({})", at.unix_seconds()),
        };
        let of = &known.user.username;
        database
            .run(&format!("UPDATE users SET last_login_at = {sql} WHERE username = '{of}'"))
            .await;
        known.last_login = Some(at);
    }
    known
}

/// Each part of a filter, by itself.
fn parts() -> Vec<UserFilter> {
    let none = UserFilter::default;
    vec![
        UserFilter { state: UserState::Active.into(), ..none() },
        UserFilter { state: UserState::Disabled.into(), ..none() },
        UserFilter { role: "staff".into(), ..none() },
        UserFilter { email_verified: Some(true), ..none() },
        UserFilter { email_verified: Some(false), ..none() },
        UserFilter { created_from: Some(time(second(12))), ..none() },
        UserFilter { created_before: Some(time(second(25))), ..none() },
        UserFilter { last_login_from: Some(time(second(15))), ..none() },
        UserFilter { last_login_before: Some(time(second(30))), ..none() },
        UserFilter { username_prefix: "AN".into(), ..none() },
        UserFilter { email_prefix: "Y.Z".into(), ..none() },
    ]
}

fn both(one: &UserFilter, other: &UserFilter) -> UserFilter {
    let text =
        |one: &String, other: &String| if one.is_empty() { other.clone() } else { one.clone() };
    UserFilter {
        state: if one.state == 0 { other.state } else { one.state },
        role: text(&one.role, &other.role),
        email_verified: one.email_verified.or(other.email_verified),
        created_from: one.created_from.or(other.created_from),
        created_before: one.created_before.or(other.created_before),
        last_login_from: one.last_login_from.or(other.last_login_from),
        last_login_before: one.last_login_before.or(other.last_login_before),
        username_prefix: text(&one.username_prefix, &other.username_prefix),
        email_prefix: text(&one.email_prefix, &other.email_prefix),
    }
}

fn has(filter: &UserFilter, known: &Known) -> bool {
    let Known { user, last_login } = known;
    let is_disabled = user.disabled_at.is_some();
    let after = |at: Timestamp, from: &Option<prost_types::Timestamp>| {
        from.is_none_or(|from| from.seconds <= at.unix_seconds())
    };
    let before = |at: Timestamp, before: &Option<prost_types::Timestamp>| {
        before.is_none_or(|before| at.unix_seconds() < before.seconds)
    };
    let by_login = filter.last_login_from.is_some() || filter.last_login_before.is_some();
    (filter.state == 0 || (filter.state == i32::from(UserState::Disabled)) == is_disabled)
        && (filter.role.is_empty() || user.roles.contains(&filter.role))
        && filter.email_verified.is_none_or(|verified| verified == user.email_verified)
        && after(user.created_at, &filter.created_from)
        && before(user.created_at, &filter.created_before)
        && (!by_login
            || last_login.is_some_and(|at| {
                after(at, &filter.last_login_from) && before(at, &filter.last_login_before)
            }))
        && user.username.to_lowercase().starts_with(&filter.username_prefix.to_lowercase())
        && user.email.to_lowercase().starts_with(&filter.email_prefix.to_lowercase())
}

/// The ids that a list must have, in its order.
fn expected(known: &[Known], filter: &UserFilter, order_by: &str) -> Vec<String> {
    let mut chosen: Vec<_> = known.iter().filter(|known| has(filter, known)).collect();
    let by_login = filter.last_login_from.is_some() || filter.last_login_before.is_some();
    let name = |key: &str| (key.to_lowercase(), FIRST);
    let order = if !filter.username_prefix.is_empty() {
        "username"
    } else if !filter.email_prefix.is_empty() {
        "email"
    } else if order_by.is_empty() {
        if by_login { "last_login_time desc" } else { "create_time desc" }
    } else {
        order_by
    };
    let is_by_login = order.starts_with("last");
    chosen.retain(|known| !is_by_login || known.last_login.is_some());
    chosen.sort_by_key(|known| {
        let key = match order {
            "username" => name(&known.user.username),
            "email" => name(&known.user.email),
            _ if is_by_login => (String::new(), known.last_login.unwrap()),
            _ => (String::new(), known.user.created_at),
        };
        (key, known.user.id)
    });
    if order.ends_with("desc") {
        chosen.reverse();
    }
    chosen.into_iter().map(|known| known.user.id.to_string()).collect()
}

/// All pages of a list.
async fn pages(office: &Office, request: &ListUsersRequest) -> Vec<Vec<String>> {
    let (mut pages, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListUsersRequest { page_token, ..request.clone() };
        let page = office.list(request).await.unwrap();
        pages.push(page.users.into_iter().map(|user| user.id).collect());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return pages;
        }
    }
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_filter_and_pair_of_filters_has_the_users_of_a_model_on_pages_of_any_size(
    backend: Backend,
) {
    let office = Office::start(backend).await;
    let store = office.server.database.store().await;
    let mut known = users(&office.server.database, store.as_ref(), 150).await;
    let admin = office.by_id(&office.admin.id).await.unwrap();
    let micros = |time: prost_types::Timestamp| {
        Timestamp::from_unix_micros(time.seconds * 1_000_000 + i64::from(time.nanos / 1000))
    };
    known.push(Known {
        user: User {
            roles: admin.roles.clone(),
            ..User::new(
                admin.id.parse().unwrap(),
                admin.username.clone(),
                admin.email.clone(),
                micros(admin.create_time.unwrap()),
            )
        },
        last_login: admin.last_login_time.map(micros),
    });
    let parts = parts();
    let mut filters = vec![UserFilter::default()];
    for (index, one) in parts.iter().enumerate() {
        filters.extend(parts[index..].iter().map(|other| both(one, other)));
    }
    let mut sizes_of_pages = [1, 7, 100].into_iter().cycle();
    for filter in &filters {
        let has_prefix = !filter.username_prefix.is_empty() || !filter.email_prefix.is_empty();
        let orders: &[&str] = if has_prefix {
            &[""]
        } else {
            &["", "create_time", "last_login_time desc", "last_login_time"]
        };
        for order_by in orders {
            let expected = expected(&known, filter, order_by);
            let page_size = sizes_of_pages.next().unwrap();
            let (filter, order_by) = (Some(filter.clone()), (*order_by).to_owned());
            let request = ListUsersRequest { page_size, filter, order_by, ..Default::default() };
            let pages = pages(&office, &request).await;
            let most = usize::try_from(page_size).unwrap();
            assert!(pages.iter().all(|page| page.len() <= most));
            assert_eq!(pages.concat(), expected, "{request:?}");
        }
    }
    for page_size in [1, 7, 100] {
        let request = ListUsersRequest { page_size, ..Default::default() };
        let pages = pages(&office, &request).await;
        assert_eq!(pages.concat(), expected(&known, &UserFilter::default(), ""));
        let full = pages.iter().filter(|page| page.len() == usize::try_from(page_size).unwrap());
        assert!(full.count() + 1 >= pages.len(), "but for the last, they are full");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn rows_that_come_or_go_between_pages_shift_no_others(backend: Backend) {
    let office = Office::start(backend).await;
    let store = office.server.database.store().await;
    let known = users(&office.server.database, store.as_ref(), 40).await;
    for order_by in ["create_time", "create_time desc"] {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        let mut last = 0;
        loop {
            let (page_size, order_by) = (3, order_by.to_owned());
            let request =
                ListUsersRequest { page_size, page_token, order_by, ..Default::default() };
            let page = office.list(request).await.unwrap();
            seen.extend(page.users.iter().map(|user| user.id.clone()));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
            // One is new among the first, and the last row of the page is gone.
            let user = User { created_at: FIRST, ..new_user().user };
            store.user_create(NewUser { user, ..new_user() }).await.unwrap();
            let gone = &page.users.last().unwrap().username;
            let now = "created_at";
            let sql = format!("UPDATE users SET deleted_at = {now} WHERE username = '{gone}'");
            if last % 2 == 0 && gone != &office.admin.username {
                office.server.database.run(&sql).await;
            }
            last += 1;
        }
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "none comes twice");
        let missing = known.iter().filter(|known| !distinct.contains(&known.user.id.to_string()));
        assert_eq!(missing.count(), 0, "none is left out");
        office.server.database.run("UPDATE users SET deleted_at = NULL").await;
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_token_of_another_list_or_one_that_was_changed_is_refused(backend: Backend) {
    let office = Office::start(backend).await;
    let store = office.server.database.store().await;
    users(&office.server.database, store.as_ref(), 10).await;
    let of = |order_by: &str, filter: UserFilter, page_token: &str| ListUsersRequest {
        page_size: 2,
        page_token: page_token.to_owned(),
        filter: Some(filter),
        order_by: order_by.to_owned(),
    };
    let none = UserFilter::default;
    let token = office.list(of("", none(), "")).await.unwrap().next_page_token;
    assert!(!token.contains(&office.admin.username));
    // The default is the same list by another name, and so is a filter of nothing.
    assert!(office.list(of("create_time desc", none(), &token)).await.is_ok());
    let same = ListUsersRequest { filter: None, ..of("", none(), &token) };
    assert!(office.list(ListUsersRequest { page_size: 7, ..same }).await.is_ok());
    let mut changed = token.clone().into_bytes();
    changed[20] ^= 1;
    let changed = String::from_utf8(changed).unwrap();
    for request in [
        of("create_time", none(), &token),
        of("last_login_time desc", none(), &token),
        of("", UserFilter { role: "staff".into(), ..none() }, &token),
        of("", UserFilter { username_prefix: "a".into(), ..none() }, &token),
        of("", none(), &changed),
        of("", none(), &token[..token.len() - 1]),
        of("", none(), &token[1..]),
        of("", none(), "x"),
        of("", none(), &"x".repeat(3000)),
    ] {
        let refused = office.list(request.clone()).await.unwrap_err();
        assert_eq!(violations(&refused), ["page_token"], "{request:?}");
    }
    // A replica goes on where another one stopped.
    let replica = office.server.replica(|_, _| {}).await;
    let mut client =
        countersign::pb::admin_service_client::AdminServiceClient::new(replica.channel.clone());
    let request = crate::harness::server::bearer(&office.tokens, of("", none(), &token));
    assert_eq!(client.list_users(request).await.unwrap().into_inner().users.len(), 2);
}

#[tokio::test]
async fn each_bad_field_is_named_and_numbers_have_their_bounds() {
    let office = Office::start(Backend::Sqlite).await;
    let with = |filter| ListUsersRequest { filter: Some(filter), ..Default::default() };
    let never = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
    let none = UserFilter::default;
    for (request, field) in [
        (ListUsersRequest { page_size: -1, ..Default::default() }, "page_size"),
        (ListUsersRequest { order_by: "email".into(), ..Default::default() }, "order_by"),
        (ListUsersRequest { order_by: "x".repeat(65), ..Default::default() }, "order_by"),
        (with(UserFilter { state: 9, ..none() }), "state"),
        (with(UserFilter { role: "x".repeat(65), ..none() }), "role"),
        (with(UserFilter { created_from: Some(never), ..none() }), "created_from"),
        (with(UserFilter { created_before: Some(never), ..none() }), "created_before"),
        (with(UserFilter { last_login_from: Some(never), ..none() }), "last_login_from"),
        (with(UserFilter { last_login_before: Some(never), ..none() }), "last_login_before"),
        (with(UserFilter { username_prefix: "x".repeat(1025), ..none() }), "username_prefix"),
        (with(UserFilter { email_prefix: "x".repeat(1025), ..none() }), "email_prefix"),
    ] {
        let refused = office.list(request.clone()).await.unwrap_err();
        assert_eq!(violations(&refused), [field], "{request:?}");
    }
    let filter = Some(UserFilter { email_prefix: "x".into(), ..none() });
    let order_by = "create_time".to_owned();
    let request = ListUsersRequest { filter, order_by, page_size: -1, ..Default::default() };
    let refused = office.list(request).await.unwrap_err();
    assert_eq!(violations(&refused), ["page_size", "order_by"], "all at once");

    let store = office.server.database.store().await;
    users(&office.server.database, store.as_ref(), 60).await;
    for (page_size, number) in [(0, 50), (1, 1), (1_000_000, 61)] {
        let request = ListUsersRequest { page_size, ..Default::default() };
        assert_eq!(office.list(request).await.unwrap().users.len(), number, "{page_size}");
    }
}

/// Where no index has the whole filter, a page looks at a thousand rows and no more.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_few_among_many_ends_early_and_the_next_goes_on(backend: Backend) {
    let office = Office::start(backend).await;
    let store = office.server.database.store().await;
    users(&office.server.database, store.as_ref(), 1200).await;
    // The first that were made: the last in the order.
    office.server.database.run("UPDATE users SET email_verified = FALSE").await;
    office
        .server
        .database
        .run("UPDATE users SET email_verified = TRUE WHERE username LIKE 'Anna_'")
        .await;
    let filter = UserFilter {
        username_prefix: "a".into(),
        email_verified: Some(false),
        ..Default::default()
    };
    let by_name = ListUsersRequest { filter: Some(filter), page_size: 1000, ..Default::default() };
    assert!(pages(&office, &by_name).await.concat().len() > 600);
    let state = UserState::Active.into();
    let filter = UserFilter { email_verified: Some(true), state, ..Default::default() };
    let order_by = "last_login_time".to_owned();
    let request = ListUsersRequest { filter: Some(filter), order_by, ..Default::default() };
    assert_eq!(pages(&office, &request).await.len(), 1);
    let filter = UserFilter { state: UserState::Active.into(), ..Default::default() };
    office.server.database.run("UPDATE users SET disabled_at = created_at WHERE username NOT LIKE 'Anna_' AND roles <> 'admin'").await;
    let request = ListUsersRequest { filter: Some(filter), ..Default::default() };
    let pages = pages(&office, &request).await;
    assert_eq!(pages.len(), 2, "{pages:?}");
    let admin = &office.admin.id;
    assert!(pages[0].contains(admin) && pages.concat().len() == 2, "{pages:?}");
}
