//! The real program, as a process.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
};

use super::{PATIENCE, eventually};

/// The program, with nothing of our own environment that could configure it.
#[expect(clippy::disallowed_methods, reason = "what a developer has set must not reach it")]
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let is_ours = [&b"COUNTERSIGN_"[..], b"OTEL_"]
            .iter()
            .any(|prefix| name.as_encoded_bytes().starts_with(prefix));
        if name == "DATABASE_URL" || is_ours {
            command.env_remove(name);
        }
    }
    command
}

/// A process. It is killed when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A running server.
pub struct Running {
    process: Process,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub banner: String,
    log: mpsc::Receiver<String>,
    /// What has been logged so far.
    pub logged: String,
}

impl Running {
    /// Starts `command` and reads its banner.
    pub fn start(command: Command) -> Self {
        let (mut process, log) = spawn(command);
        let Some(banner) = read_banner(process.0.stdout.take().unwrap()) else {
            drop(process);
            panic!("no banner: {}", log.iter().collect::<Vec<_>>().join("\n"));
        };
        let address = |name: &str| {
            let line = banner.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
            line.trim()
                .trim_start_matches("http://")
                .trim_start_matches("https://")
                .parse()
                .unwrap()
        };
        Self {
            grpc: address("gRPC"),
            http: address("HTTP"),
            process,
            banner,
            log,
            logged: String::new(),
        }
    }

    /// Starts `command`, which may not get as far as its banner.
    pub fn start_only(command: Command) -> Self {
        let (process, log) = spawn(command);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (banner, logged) = (String::new(), String::new());
        Self { process, grpc: nowhere, http: nowhere, banner, log, logged }
    }

    /// Starts `command`, which logs JSON: what would be its banner is a line of that, and standard output stays empty.
    pub fn start_logging_json(command: Command) -> Self {
        let mut running = Self::start_only(command);
        let mut output = running.process.0.stdout.take().unwrap();
        thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            assert_eq!(text, "", "on standard output");
        });
        running.banner = running.wait_for_log("\"listening\"");
        let said: serde_json::Value = serde_json::from_str(&running.banner).unwrap();
        let address = |name: &str| said[name].as_str().unwrap().parse().unwrap();
        (running.grpc, running.http) = (address("grpc"), address("http"));
        running
    }

    /// Reads the log up to the first new line that contains `text`.
    pub fn wait_for_log(&mut self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {text:?} in the log:\n{}", self.logged));
            self.logged += &line;
            self.logged.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    pub fn signal(&self, name: &str) {
        let id = self.process.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end and reads the rest of the log. Our clients go on meanwhile: the server waits for them.
    pub async fn wait(&mut self) -> ExitStatus {
        eventually("the end", async || self.process.0.try_wait().unwrap().is_some()).await;
        for line in self.log.iter() {
            self.logged += &line;
            self.logged.push('\n');
        }
        self.process.0.wait().unwrap()
    }
}

/// Starts `command`, and reads its log.
fn spawn(mut command: Command) -> (Process, mpsc::Receiver<String>) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Process(child);
    let (sender, log) = mpsc::channel();
    let errors = BufReader::new(process.0.stderr.take().unwrap());
    thread::spawn(move || {
        for line in errors.lines() {
            // The test may be over.
            let _sent = sender.send(line.unwrap());
        }
    });
    (process, log)
}

/// The banner, or nothing where there is none within our patience. What comes after it is read and dropped.
fn read_banner(output: ChildStdout) -> Option<String> {
    let (sender, banner) = mpsc::channel();
    thread::spawn(move || {
        let (mut output, mut text) = (BufReader::new(output), String::new());
        while !(text.contains("  HTTP ") && text.ends_with("\n\n")) {
            if output.read_line(&mut text).unwrap() == 0 {
                return;
            }
        }
        // Nobody listens where it came too late.
        let _sent = sender.send(text);
        output.read_to_string(&mut String::new()).unwrap();
    });
    banner.recv_timeout(PATIENCE).ok()
}

/// Runs `command` to its end, which must come: a server that starts where it should refuse to is a failure.
pub fn output(mut command: Command) -> (Output, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        let _ended_just_now = Command::new("kill").args(["-s", "KILL", &id]).status();
        panic!("{command:?} does not end")
    };
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}
