//! The file of rules for `ext_authz`, read again while the server runs: its content is compared, which sees every way of changing it.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::Error;
use crate::{
    config::Authorization,
    domain::authorization::Rules,
    service::{AuthorizationFigures, Authorizer, Clock, Verdicts, WhenBehind},
};

/// The file, and who decides by it.
#[derive(Debug)]
pub(super) struct RulesFile {
    file: Authorization,
    authorizer: Arc<Authorizer>,
    figures: AuthorizationFigures,
    seen: Mutex<Seen>,
}

/// A text, or why there is none.
type Found = Result<String, String>;

#[derive(Debug)]
struct Seen {
    in_force: String,
    last: Found,
    /// What was refused, and is told once.
    refused: Option<Found>,
}

impl RulesFile {
    /// Reads the file.
    ///
    /// # Errors
    /// It can't be read, or has a mistake.
    pub(super) fn load(
        file: Authorization,
        verdicts: Arc<Verdicts>,
        clock: Clock,
        figures: AuthorizationFigures,
    ) -> Result<Self, Error> {
        let text = file.read_rules().map_err(Error::Rules)?;
        let rules = Rules::parse(&text).map_err(Error::Rules)?;
        let when_behind = WhenBehind { max_age: file.max_age, allows: file.allows_behind };
        let authorizer = Authorizer::new(rules, verdicts, when_behind, clock, figures.clone());
        let seen = Seen { in_force: text.clone(), last: Ok(text), refused: None };
        Ok(Self { file, authorizer: Arc::new(authorizer), figures, seen: Mutex::new(seen) })
    }

    /// Who decides by the rules in force.
    pub(super) fn authorizer(&self) -> &Arc<Authorizer> {
        &self.authorizer
    }

    /// The cookie that may hold a token.
    pub(super) fn cookie(&self) -> Option<&str> {
        self.file.cookie.as_deref()
    }

    /// Whether good tokens pass.
    pub(super) fn can_tell(&self) -> bool {
        self.authorizer.can_tell()
    }

    /// Takes what is in the file, if it has changed. What it has must be seen twice, or be asked for: somebody may be writing it.
    /// Reads a file: not for an async thread.
    pub(super) fn look(&self, at_once: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.file.read_rules();
        let is_settled = std::mem::replace(&mut seen.last, found.clone()) == found;
        if found.as_ref() == Ok(&seen.in_force) {
            if seen.refused.take().is_some() {
                self.figures.rules_refused(false);
                tracing::info!("the file of rules is the one in force again");
            } else if at_once {
                tracing::info!("the file of rules has not changed");
            }
        } else if (is_settled || at_once) && seen.refused.as_ref() != Some(&found) {
            self.judge(&mut seen, found);
        }
    }

    fn judge(&self, seen: &mut Seen, found: Found) {
        match found.clone().and_then(|text| Ok((Rules::parse(&text)?, text))) {
            Ok((rules, text)) => {
                self.authorizer.replace(rules);
                (seen.in_force, seen.refused) = (text, None);
                self.figures.rules_refused(false);
                tracing::info!("new rules are in force");
            }
            Err(why) => {
                self.figures.rules_refused(true);
                tracing::error!(%why, "the file of rules is refused: those before stay in force");
                seen.refused = Some(found);
            }
        }
    }
}
