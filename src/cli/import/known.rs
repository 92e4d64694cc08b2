//! What the readers know beside the file, and what they count of it.

use std::collections::BTreeMap;

use super::{
    grants::Grants,
    hash_file::HashFile,
    instant::Instant,
    problem::shown,
    row::{HashParameters, ImportRow},
};

/// How many kinds of what does not come along are told apart: their names are the file's.
const MOST_KINDS: usize = 40;

/// Beside the file: parameters, a second file, the time; and what was counted while reading.
#[derive(Debug)]
pub(crate) struct Known {
    /// Firebase's, of the project.
    pub(crate) hash_parameters: Option<HashParameters>,
    /// Auth0's second file.
    pub(crate) hash_file: Option<HashFile>,
    /// What Zitadel's export keeps apart from the users.
    pub(crate) grants: Grants,
    pub(crate) now: Instant,
    /// Whether other systems' roles may make administrators of this one.
    pub(crate) admins: bool,
    /// How many users have something that does not come along, by what it is.
    left_behind: BTreeMap<String, u64>,
}

impl Known {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            hash_parameters: None,
            hash_file: None,
            grants: Grants::default(),
            now,
            admins: false,
            left_behind: BTreeMap::new(),
        }
    }

    /// Counts what a user has and can't bring along: a passkey, say.
    pub(crate) fn leave_behind(&mut self, what: impl AsRef<str>) {
        let mut what = shown(what.as_ref(), 80);
        if self.left_behind.len() >= MOST_KINDS && !self.left_behind.contains_key(&what) {
            "other".clone_into(&mut what);
        }
        *self.left_behind.entry(what).or_default() += 1;
    }

    /// Counts a second factor that a user can't bring along. The user gets codes by e-mail instead: a login that needed two
    /// factors does not come down to one because the user has moved.
    pub(crate) fn leave_factor_behind(&mut self, row: &mut ImportRow, what: impl AsRef<str>) {
        row.two_factor_enabled = true;
        self.leave_behind(what);
    }

    /// What did not come along, for the summary: what it is, and how many users had it.
    pub(crate) fn left_behind(&self) -> Vec<(String, u64)> {
        let unused = self.hash_file.as_ref().map_or(0, HashFile::unused);
        let hashes =
            (unused > 0).then(|| ("password hash of no user of the file".to_owned(), unused));
        let left = self.left_behind.iter().map(|(what, users)| (what.clone(), *users));
        left.chain(hashes).collect()
    }
}
