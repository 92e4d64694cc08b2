//! [`Passwords`](crate::store::Passwords).

use async_trait::async_trait;

use super::{
    Backend,
    statements::{passwords, reset},
};
use crate::store::{Credentials, PasswordChange, PasswordReset, Passwords, Result, SealedMessage};

#[async_trait]
impl Passwords for Backend {
    async fn password_change(
        &self,
        change: PasswordChange,
        message: SealedMessage,
    ) -> Result<bool> {
        self.write("password_change", (change, message), |connection, (change, message)| {
            Box::pin(passwords::replace(connection, change, message))
        })
        .await
    }

    async fn password_reset(&self, reset: PasswordReset, message: SealedMessage) -> Result<bool> {
        self.write("password_reset", (reset, message), |connection, (reset, message)| {
            Box::pin(reset::complete(connection, reset, message))
        })
        .await
    }

    async fn password_rehash(&self, of: Credentials, password_hash: String) -> Result<bool> {
        self.write("password_rehash", (of, password_hash), |connection, (of, password_hash)| {
            Box::pin(passwords::rehash(connection, of, password_hash))
        })
        .await
    }
}
