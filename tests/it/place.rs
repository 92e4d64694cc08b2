//! A database for commands that need no server.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use countersign::token::MasterKey;

use crate::{
    harness::{Backend, Database, command::output},
    process::on,
};

/// A database, and its master key.
pub struct Place {
    pub database: Database,
    pub master_key: String,
}

impl Place {
    pub async fn new(backend: Backend) -> Self {
        let database = Database::new(backend).await;
        let place = Self { database, master_key: MasterKey::generate_text().as_str().to_owned() };
        let (migrated, said) = output(place.command(&["migrate"]));
        assert!(migrated.status.success(), "{said}");
        place
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = on(&self.database, arguments);
        command.env("COUNTERSIGN_MASTER_KEY", &self.master_key);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let (ran, errors) = output(self.command(arguments));
        let printed = String::from_utf8(ran.stdout).unwrap();
        if ran.status.success() { Ok(printed) } else { Err(errors) }
    }

    /// Runs a command that reads a line.
    pub fn run_with(&self, arguments: &[&str], line: &str) -> Result<String, String> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if ended.status.success() { Ok(text(ended.stdout)) } else { Err(text(ended.stderr)) }
    }

    /// Runs it, and gives whether it succeeded, and all that it said.
    pub fn ran(&self, arguments: &[&str]) -> (bool, String) {
        let (ran, errors) = output(self.command(arguments));
        (ran.status.success(), String::from_utf8(ran.stdout).unwrap() + &errors)
    }
}
