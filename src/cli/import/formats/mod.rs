//! The formats: what a row of each system's export becomes.

mod auth0;
mod auth0_hash;
mod csv;
mod firebase;
mod foreign;
mod json_lines;
mod keycloak;
mod kratos;
mod supabase;
mod zitadel;

use super::{frames::Path, known::Known, object::Object, problem::Fault, row::ImportRow};

pub(crate) use self::{
    csv::Columns,
    firebase::parameters as firebase_parameters,
    json_lines::{UNWRAPPED, unwrap},
};

/// What wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    JsonLines,
    Csv,
    Firebase,
    Auth0,
    Keycloak,
    Supabase,
    Kratos,
    Zitadel,
}

impl Format {
    /// All of them, with the names that `--format` takes.
    pub(crate) const ALL: [(Self, &'static str); 8] = [
        (Self::JsonLines, "jsonl"),
        (Self::Csv, "csv"),
        (Self::Firebase, "firebase"),
        (Self::Auth0, "auth0"),
        (Self::Keycloak, "keycloak"),
        (Self::Supabase, "supabase"),
        (Self::Kratos, "kratos"),
        (Self::Zitadel, "zitadel"),
    ];

    /// The name that `--format` takes, and that metadata of this system goes by.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }

    /// The format of a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(format, _)| *format)
    }

    /// Where the users are within JSON that is not lines.
    pub(crate) fn paths(self) -> &'static [Path] {
        match self {
            Self::JsonLines | Self::Csv | Self::Auth0 => &[&["*"]],
            Self::Firebase => &[&["users", "*"]],
            Self::Keycloak => keycloak::PATHS,
            Self::Supabase => &[&["*"], &["users", "*"]],
            Self::Kratos => &[&["*"], &["identities", "*"]],
            Self::Zitadel => zitadel::PATHS,
        }
    }

    /// Fills the row from an object as the system writes it. What has no place in a row is in its metadata afterwards, below the
    /// system's name, also where the row can't be taken; secrets without a place are not.
    pub(crate) fn fill(
        self,
        object: Object,
        row: &mut ImportRow,
        known: &mut Known,
    ) -> Result<(), Fault> {
        let (fill, secrets): (Fill, _) = match self {
            Self::JsonLines | Self::Csv => {
                *row = ImportRow::from_object(object)?;
                return Ok(row.check()?);
            }
            Self::Firebase => (firebase::fill, firebase::SECRETS),
            Self::Auth0 => (auth0::fill, auth0::SECRETS),
            Self::Keycloak => (keycloak::fill, keycloak::SECRETS),
            Self::Supabase => (supabase::fill, supabase::SECRETS),
            Self::Kratos => (kratos::fill, kratos::SECRETS),
            Self::Zitadel => (zitadel::fill, zitadel::SECRETS),
        };
        let mut rest = object;
        let filled = fill(&mut rest, row, known);
        foreign::keep(self.name(), rest, secrets, row);
        foreign::withhold_admins(self.name(), row, known);
        filled?;
        Ok(row.check()?)
    }
}

type Fill = fn(&mut Object, &mut ImportRow, &mut Known) -> Result<(), Fault>;
