//! The kind of database of a URL: the only place that knows the schemes.

/// The supported databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `postgres://…` or `postgresql://…`.
    Postgres,
    /// `sqlite://…`, or `sqlite:` and a path.
    Sqlite,
}

impl Kind {
    /// The kind of `url`; `None` for another scheme.
    pub fn of(url: &str) -> Option<Self> {
        let names = |kind: &Self| kind.rest_of(url).is_some();
        [Self::Postgres, Self::Sqlite].into_iter().find(names)
    }

    /// The rest of a URL of this kind, after its scheme.
    pub(super) fn rest_of(self, url: &str) -> Option<&str> {
        let schemes: &[&str] = match self {
            Self::Postgres => &["postgres://", "postgresql://"],
            Self::Sqlite => &["sqlite:"],
        };
        schemes.iter().find_map(|scheme| url.strip_prefix(scheme))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_known_by_its_scheme() {
        for (url, kind) in [
            ("postgres://db/x", Some(Kind::Postgres)),
            ("postgresql://db/x", Some(Kind::Postgres)),
            ("sqlite://data/x.db", Some(Kind::Sqlite)),
            ("sqlite:x.db", Some(Kind::Sqlite)),
            ("postgres:db", None),
            ("mysql://db/x", None),
            ("", None),
        ] {
            assert_eq!(Kind::of(url), kind, "{url}");
        }
    }
}
