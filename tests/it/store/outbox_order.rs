//! In which order messages are claimed.

use countersign::store::{Places, Priority, SealedMessage, Store};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    at, new_message,
    outbox::{claim, put, rest_until},
};
use crate::harness::{Backend, Database, on_both};

/// Messages with names.
#[derive(Default)]
struct Named(Vec<(&'static str, SealedMessage)>);

impl Named {
    /// A message that was made after those before it; `source` and `account` are nobody else's where they are 0.
    fn add(
        &mut self,
        name: &'static str,
        priority: Priority,
        source: u8,
        account: u8,
    ) -> SealedMessage {
        let new = new_message();
        let line = |number: u8, own: [u8; 32]| if number == 0 { own } else { [number; 32] };
        let message = SealedMessage {
            created_at: at(self.0.len() as u64),
            priority,
            source: line(source, new.source),
            account: line(account, new.account),
            ..new
        };
        self.0.push((name, message.clone()));
        message
    }

    fn name(&self, id: uuid::Uuid) -> &'static str {
        self.0.iter().find(|(_, message)| message.id == id).unwrap().0
    }

    /// The names of what is left, one claim each.
    async fn claimed(&self, store: &dyn Store, seconds: u64) -> Vec<&'static str> {
        let mut names = Vec::new();
        while let [message] = claim(store, seconds, 1).await.as_slice() {
            names.push(self.name(message.id));
        }
        names
    }
}

#[apply(on_both)]
#[tokio::test]
async fn login_codes_go_before_other_codes_and_those_before_notices(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut named = Named::default();
    let messages = [
        named.add("notice", Priority::Notice, 0, 0),
        named.add("code", Priority::Code, 0, 0),
        // Its lines are long, and those of the others are short: that has no say here.
        named.add("login 1", Priority::LoginCode, 1, 1),
        named.add("login 2", Priority::LoginCode, 1, 1),
    ];
    put(store.as_ref(), &messages).await;
    let order = named.claimed(store.as_ref(), 50).await;
    assert_eq!(order, ["login 1", "login 2", "code", "notice"]);
}

#[apply(on_both)]
#[tokio::test]
async fn places_that_are_kept_for_login_codes_get_nothing_else(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut named = Named::default();
    let messages = [
        named.add("notice 1", Priority::Notice, 0, 0),
        named.add("notice 2", Priority::Notice, 0, 0),
        named.add("code", Priority::Code, 0, 0),
        named.add("login 1", Priority::LoginCode, 0, 0),
        named.add("login 2", Priority::LoginCode, 0, 0),
    ];
    put(store.as_ref(), &messages).await;
    let claimed = async |all, others| {
        let places = Places { all, others };
        let claimed = store.outbox_claim(at(50), at(110), places).await.unwrap();
        let mut names: Vec<_> = claimed.iter().map(|message| named.name(message.id)).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(claimed(1, 1).await, ["login 1"]);
    assert_eq!(claimed(8, 1).await, ["code", "login 2"]);
    assert!(claimed(8, 0).await.is_empty());
    assert_eq!(claimed(1, 8).await, ["notice 1"]);
    assert_eq!(claimed(8, 8).await, ["notice 2"]);
}

/// By the source, and by the account.
#[apply(on_both)]
#[case::of_one_source(1, 0)]
#[case::of_one_account(0, 1)]
#[tokio::test]
async fn a_line_that_is_long_holds_up_no_other(
    #[case] source: u8,
    #[case] account: u8,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut named = Named::default();
    let mut messages: Vec<_> = ["flood 1", "flood 2", "flood 3", "flood 4"]
        .map(|name| named.add(name, Priority::Code, source, account))
        .into();
    // Two strangers; one has two messages.
    messages.push(named.add("stranger", Priority::Code, 0, 0));
    messages.push(named.add("other 1", Priority::Code, 2 * source, 2 * account));
    messages.push(named.add("other 2", Priority::Code, 2 * source, 2 * account));
    put(store.as_ref(), &messages).await;
    assert_eq!(
        named.claimed(store.as_ref(), 50).await,
        ["flood 1", "stranger", "other 1", "flood 2", "other 2", "flood 3", "flood 4"]
    );
}

/// Those who claim send them side by side, and begin with the first.
#[apply(on_both)]
#[tokio::test]
async fn what_is_claimed_at_once_is_in_order(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut named = Named::default();
    let names = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let mut messages = names.map(|name| named.add(name, Priority::Code, 1, 0));
    put(store.as_ref(), &messages).await;
    // As a table has them after some time: in no order.
    messages.sort_by_key(|message| message.id.as_u128().reverse_bits());
    for message in &messages {
        let id = message.id.simple();
        let id = match backend {
            Backend::Sqlite => format!("x'{id}'"),
            Backend::Postgres => format!("'{id}'"),
        };
        database.run(&format!("UPDATE outbox SET expires_at = expires_at WHERE id = {id}")).await;
    }
    let claimed = claim(store.as_ref(), 50, 8).await;
    let order: Vec<_> = claimed.iter().map(|message| named.name(message.id)).collect();
    assert_eq!(order, names);
}

/// Whoever comes later, or has been silent, has no turns saved up: or many who come one after the other would starve a line.
#[apply(on_both)]
#[tokio::test]
async fn a_new_line_begins_with_the_turn_that_is_being_served(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut named = Named::default();
    let first: Vec<_> =
        ["a 1", "a 2", "a 3", "a 4"].map(|name| named.add(name, Priority::Code, 1, 0)).into();
    put(store.as_ref(), &first).await;
    assert_eq!(claim(store.as_ref(), 20, 2).await.len(), 2);
    let second: Vec<_> =
        ["b 1", "b 2", "b 3"].map(|name| named.add(name, Priority::Code, 2, 0)).into();
    put(store.as_ref(), &second).await;
    let order = named.claimed(store.as_ref(), 20).await;
    assert_eq!(order, ["a 3", "b 1", "a 4", "b 2", "b 3"]);
}

/// After an outage, too, a flood is behind everybody's first message; and before what failed comes what is new.
#[apply(on_both)]
#[tokio::test]
async fn what_failed_waits_behind_what_is_new_and_in_turn(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut named = Named::default();
    let mut failing: Vec<_> =
        ["flood 1", "flood 2", "flood 3"].map(|name| named.add(name, Priority::Code, 1, 0)).into();
    failing.push(named.add("stranger", Priority::Code, 0, 0));
    put(store.as_ref(), &failing).await;
    for message in claim(store.as_ref(), 20, 8).await {
        store.outbox_postpone(message.id, message.tries, rest_until(25)).await.unwrap();
    }
    put(store.as_ref(), &[named.add("new", Priority::Code, 1, 0)]).await;
    assert_eq!(named.claimed(store.as_ref(), 24).await, ["new"]);
    let order = named.claimed(store.as_ref(), 25).await;
    assert_eq!(order, ["flood 1", "stranger", "flood 2", "flood 3"]);
}

/// Replicas of the release before run side by side with this one.
#[apply(on_both)]
#[tokio::test]
async fn rows_as_an_earlier_release_leaves_them_are_claimed(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[new_message()]).await;
    database.run("UPDATE outbox SET priority = 1, source = NULL, account = NULL, turn = 1").await;
    assert_eq!(claim(store.as_ref(), 0, 8).await[0].priority, Priority::Code);
    // What that release has claimed or put off does not say that it is resting.
    database.run("UPDATE outbox SET ready = TRUE").await;
    assert_eq!(claim(store.as_ref(), 59, 8).await, []);
    assert_eq!(claim(store.as_ref(), 60, 8).await.len(), 1);
    // A later release may know more priorities.
    database.run("UPDATE outbox SET priority = 9").await;
    assert_eq!(claim(store.as_ref(), 120, 8).await.len(), 1);
}
