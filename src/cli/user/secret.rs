//! A new credential, from standard input or an option.

use zeroize::Zeroizing;

use crate::{
    cli::unseen,
    service::{HashParameters, NewCredential},
};

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
            return Ok(Some(NewCredential::Password(unseen::line()?)));
        }
        let hash = |text: &String| NewCredential::Hash {
            text: Zeroizing::new(text.clone()),
            parameters: HashParameters::default(),
        };
        Ok(self.password_hash.as_ref().map(hash))
    }
}
