//! What is done on a connection.

use futures_util::future::BoxFuture;

use super::Result;

/// The statements of a read, or of a write on a connection `C`. Those of a write run in a transaction, perhaps beside others of
/// it (SQLite), perhaps more than once.
pub(super) type Body<C, A, T> = for<'a> fn(&'a mut C, &'a A) -> BoxFuture<'a, Result<T>>;
