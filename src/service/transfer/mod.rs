//! Users who move in from other systems, and out to them.

mod derived_name;
mod export_users;
mod import_users;
mod row;

use std::sync::Arc;

use crate::{service::Clock, store::Store, token::MasterKey};

pub use self::{
    import_users::{ImportOutcome, RowProblem},
    row::TransferredUser,
};

/// Imports and exports users.
#[derive(Debug, Clone)]
pub struct Transfers {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Encrypts the secrets of authenticator apps.
    pub(crate) master_key: MasterKey,
    /// The clock.
    pub(crate) clock: Clock,
}
