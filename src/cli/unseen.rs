//! A password from standard input: never from the command line, which others on the machine can read.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// One line. At a terminal, what is typed is not shown.
pub(super) fn line() -> anyhow::Result<Zeroizing<String>> {
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
