//! A new credential, from standard input or an option.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::service::{HashParameters, NewCredential};

#[derive(Debug, clap::Args)]
pub(super) struct Credential {
    /// Read the password from standard input: typed unseen at a terminal, or one line
    #[arg(long, conflicts_with = "password_hash")]
    password_stdin: bool,
    /// The hash of the password, as another system wrote it
    #[arg(long, value_name = "HASH")]
    password_hash: Option<String>,
}

impl Credential {
    /// The credential, if one is given.
    pub(super) fn read(&self) -> anyhow::Result<Option<NewCredential>> {
        if self.password_stdin {
            return Ok(Some(NewCredential::Password(line()?)));
        }
        let hash = |text: &String| NewCredential::Hash {
            text: Zeroizing::new(text.clone()),
            parameters: HashParameters::default(),
        };
        Ok(self.password_hash.as_ref().map(hash))
    }
}

/// One line. At a terminal, what is typed is not shown.
fn line() -> anyhow::Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    let mut text = Zeroizing::new(String::new());
    if stdin.is_terminal() {
        std::io::stderr().write_all(b"Password: ")?;
        let before = tcgetattr(&stdin).context("the terminal can't be asked")?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &unseen)?;
        let read = stdin.lock().read_line(&mut text);
        tcsetattr(&stdin, OptionalActions::Flush, &before)?;
        std::io::stderr().write_all(b"\n")?;
        read?;
    } else {
        stdin.lock().read_line(&mut text)?;
    }
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}
