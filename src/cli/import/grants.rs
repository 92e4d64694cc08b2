//! What Zitadel's export keeps apart from the users: roles and metadata, by the user's id.
//!
//! They stand behind the users, so they are read first, in a pass of their own. Zitadel makes its export in memory, and answers
//! it in one message: it is never large.

use std::{collections::HashMap, io::BufRead};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{
    frames::{Elements, FileError, Path},
    object::{self, Object},
};

/// Roles and metadata by the user's id.
#[derive(Debug, Default)]
pub(crate) struct Grants(HashMap<String, Granted>);

/// What one user has.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    pub(crate) roles: Vec<String>,
    pub(crate) metadata: Object,
}

const GRANTS: [Path; 3] = [
    &["orgs", "*", "userGrants", "*"],
    &["dataOrgs", "orgs", "*", "userGrants", "*"],
    &["data_orgs", "orgs", "*", "userGrants", "*"],
];
const METADATA: [Path; 3] = [
    &["orgs", "*", "userMetadata", "*"],
    &["dataOrgs", "orgs", "*", "userMetadata", "*"],
    &["data_orgs", "orgs", "*", "userMetadata", "*"],
];

impl Grants {
    /// Reads them. What is malformed is passed over here: the users are read all the same.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn read(input: impl BufRead) -> Result<Self, FileError> {
        let mut grants = Self::default();
        let mut elements = Elements::new(input, [GRANTS, METADATA].concat());
        loop {
            let (path, frame) = match elements.next_element() {
                Ok(Some(found)) => found,
                // The reader of the users says it, with their line.
                Err(error @ FileError::Io(_)) => return Err(error),
                Ok(None) | Err(_) => break,
            };
            let object = frame.bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
            let Some(mut object) = object else { continue };
            if path < GRANTS.len() {
                grants.add_roles(&mut object);
            } else {
                grants.add_metadata(&mut object);
            }
        }
        Ok(grants)
    }

    /// Takes what a user has.
    pub(crate) fn take(&mut self, user: &str) -> Granted {
        self.0.remove(user).unwrap_or_default()
    }

    fn add_roles(&mut self, grant: &mut Object) {
        let Ok(user) = object::text(grant, "userId") else { return };
        let Ok(roles) = object::texts(grant, "roleKeys") else { return };
        let granted = self.0.entry(user).or_default();
        for role in roles {
            if !granted.roles.contains(&role) {
                granted.roles.push(role);
            }
        }
    }

    fn add_metadata(&mut self, metadata: &mut Object) {
        let Ok(user) = object::text(metadata, "id") else { return };
        let Ok(key) = object::text(metadata, "key") else { return };
        let Ok(value) = object::text(metadata, "value") else { return };
        let plain =
            BASE64_STANDARD.decode(&value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let value = Value::String(plain.unwrap_or(value));
        self.0.entry(user).or_default().metadata.insert(key, value);
    }
}
