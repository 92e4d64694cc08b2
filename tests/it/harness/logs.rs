//! What the servers of this test run log: one buffer for all, since a process has one subscriber.

use std::{
    io,
    sync::{LazyLock, Mutex, MutexGuard},
};

use serde_json::Value;

static LINES: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter("info")
        .with_writer(|| Writer)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    Mutex::default()
});

/// Begins to keep what is logged.
pub fn start() {
    LazyLock::force(&LINES);
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        lock().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock() -> MutexGuard<'static, Vec<u8>> {
    LINES.lock().unwrap()
}

/// The events that mention `text`, in order.
pub fn events_with(text: &str) -> Vec<Value> {
    let lines = String::from_utf8(lock().clone()).unwrap();
    let of_text = lines.lines().filter(|line| line.contains(text));
    of_text.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The codes that were sent to a user, the newest last.
pub fn codes(username: &str) -> Vec<String> {
    let code = |event: Value| event["code"].as_str().map(str::to_owned);
    messages(username).into_iter().filter_map(code).collect()
}

/// The messages that were sent to a user, in order: codes and notices.
pub fn messages(username: &str) -> Vec<Value> {
    let mut events = events_with(&format!("\"{username}\""));
    events.retain(|event| {
        event["target"] == "countersign::delivery" && event["username"] == username
    });
    events
}

/// What the notices that were sent to a user are about, in order.
pub fn notices(username: &str) -> Vec<String> {
    let told = messages(username).into_iter().filter(|message| message["message"] == "notice");
    told.map(|notice| notice["purpose"].as_str().unwrap().to_owned()).collect()
}

/// The newest code that was sent to a user.
pub fn code(username: &str) -> String {
    codes(username).pop().unwrap_or_else(|| panic!("no code was sent to {username}"))
}
