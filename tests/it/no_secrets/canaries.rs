//! A server whose every output is kept and searched.

use std::{fmt::Debug, process::Command};

use countersign::token::MasterKey;
use tonic::Status;

use crate::{
    harness::{collector::Collector, command::Running},
    http,
};

/// A server with its log turned all the way up, and what it has put out.
pub struct Canaries {
    pub running: Running,
    pub master_key: String,
    output: String,
    /// Gets every span.
    collector: Collector,
}

impl Canaries {
    pub fn start(mut command: Command) -> Self {
        let master_key = MasterKey::generate_text().as_str().to_owned();
        command.env("COUNTERSIGN_LOG", "trace").env("COUNTERSIGN_MASTER_KEY", &master_key);
        // The second use of a refresh token is a reuse: its refusal and its notice are searched.
        command.env("COUNTERSIGN_REFRESH_GRACE", "0s");
        let collector = Collector::grpc();
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        Self { running: Running::start(command), master_key, output: String::new(), collector }
    }

    /// Where clients connect to.
    pub fn grpc(&self) -> String {
        format!("http://{}", self.running.grpc)
    }

    pub fn keep(&mut self, text: &str) {
        self.output += text;
    }

    /// Keeps the error of an answer, which must be one.
    pub fn refused<T: Debug>(&mut self, answer: Result<T, Status>) {
        self.keep(&format!("{:?}", answer.unwrap_err()));
    }

    /// Keeps what is at a path.
    pub async fn get(&mut self, path: &str) {
        self.output += &http::get(self.running.http, path).await.1;
    }

    /// Stops the server and keeps its spans and its log, but for so many messages: the codes in those are meant to be there.
    pub async fn stop(&mut self, messages: usize) {
        self.running.signal("TERM");
        assert!(self.running.wait().await.success(), "{}", self.running.logged);
        let delivery = |line: &&str| line.contains("countersign::delivery");
        assert_eq!(self.running.logged.lines().filter(delivery).count(), messages);
        self.output += &self.exported();
        self.output += &self.running.banner;
        self.output.extend(self.running.logged.lines().filter(|line| !delivery(line)));
        assert!(self.output.len() > 10_000, "the log was turned up: {}", self.output.len());
    }

    /// All that the collector was sent.
    fn exported(&self) -> String {
        assert!(!self.collector.spans().is_empty(), "the calls were traced");
        format!("{:?}", self.collector.requests())
    }

    /// Looks for what the log may hold and spans may not.
    pub fn spans_must_not_hold(&self, personal: &str) {
        assert!(!self.exported().contains(personal), "{personal} is in a span");
    }

    pub fn must_not_hold(&self, what: &str, secret: &str) {
        assert!(!self.output.contains(secret), "{what} is in the output");
    }

    /// Looks for codes as words: six digits may well be a part of a longer number.
    pub fn must_not_hold_codes(&self, codes: &[String]) {
        let mut words = self.output.split(|character: char| !character.is_alphanumeric());
        assert_eq!(words.find(|word| codes.iter().any(|code| code == word)), None);
    }
}
