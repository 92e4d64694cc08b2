//! Which kinds of events are wanted.

use super::{EventKind, InvalidField};

/// Kinds of events; none is all. By name: a subscription may hold kinds that only a later release knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventKinds(Vec<String>);

impl EventKinds {
    /// Parses names. One that is given twice counts once.
    ///
    /// # Errors
    /// A name of no kind, and more names than there are kinds.
    pub fn parse(names: &[String]) -> Result<Self, InvalidField> {
        let wanted = "must be names of kinds, as `countersign events --help` lists them";
        let known = |name: &String| EventKind::parse(name).is_some();
        if names.len() > EventKind::ALL.len() || !names.iter().all(known) {
            return Err(InvalidField::new("kinds", wanted));
        }
        let mut kinds: Vec<String> = Vec::with_capacity(names.len());
        for name in names {
            if !kinds.contains(name) {
                kinds.push(name.clone());
            }
        }
        Ok(Self(kinds))
    }

    /// What [`EventKinds::stored`] has written.
    pub fn of_stored(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// The names with spaces between them.
    pub fn stored(&self) -> String {
        self.0.join(" ")
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether all kinds are wanted.
    pub fn are_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this kind is wanted.
    pub fn want(&self, kind: EventKind) -> bool {
        self.are_all() || self.0.iter().any(|name| name == kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Result<EventKinds, InvalidField> {
        EventKinds::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn kinds_are_known_names_and_none_is_all() {
        let kinds = of(&["login_failed", "user_created", "login_failed"]).unwrap();
        assert_eq!(kinds.names(), ["login_failed", "user_created"]);
        assert!(kinds.want(EventKind::LoginFailed) && !kinds.want(EventKind::Registered));
        assert_eq!(EventKinds::of_stored(&kinds.stored()), kinds);
        let all = of(&[]).unwrap();
        assert!(all.are_all() && all.want(EventKind::Registered));
        for bad in ["", "Login_failed", "login_failed ", "login failed", "unheard_of"] {
            assert_eq!(of(&[bad]).unwrap_err().field, "kinds", "{bad:?}");
        }
        let most = EventKind::ALL.len();
        assert!(of(&vec!["login_failed"; most]).is_ok());
        assert!(of(&vec!["login_failed"; most + 1]).is_err());
    }

    /// It must not become all kinds.
    #[test]
    fn a_kind_of_a_later_release_is_kept() {
        let kinds = EventKinds::of_stored("unheard_of");
        assert!(!kinds.are_all() && EventKind::ALL.iter().all(|kind| !kinds.want(*kind)));
    }
}
