//! The body of an operation, run on a connection.

use futures_util::future::BoxFuture;

use super::Result;

/// The body of a read or a write on a connection `C`. Those of writes run in a transaction, perhaps with others (group
/// commit on SQLite), perhaps more than once.
pub(super) type Body<C, A, T> = for<'a> fn(&'a mut C, &'a A) -> BoxFuture<'a, Result<T>>;
