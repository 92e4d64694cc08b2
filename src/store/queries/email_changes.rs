//! [`EmailChanges`](crate::store::EmailChanges).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{email_changes, undo_codes, usernames},
};
use crate::{
    domain::Timestamp,
    store::{
        EmailChange, EmailChanges, EmailUndoing, EmailUndone, FactorChange, NewUsername, Result,
        SealedMessage, UndoableChange, UsernameChanged,
    },
};

#[async_trait]
impl EmailChanges for Backend {
    async fn email_change(
        &self,
        change: EmailChange,
        messages: Vec<SealedMessage>,
    ) -> Result<bool> {
        self.write("email_change", (change, messages), |connection, (change, messages)| {
            Box::pin(email_changes::make(connection, change, messages))
        })
        .await
    }

    async fn email_changes_undoable(
        &self,
        user_id: Uuid,
        now: Timestamp,
    ) -> Result<Vec<Timestamp>> {
        self.read("email_changes_undoable", (user_id, now), |connection, (user_id, now)| {
            Box::pin(undo_codes::expiries(connection, *user_id, *now))
        })
        .await
    }

    async fn email_change_find(
        &self,
        code_mac: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<UndoableChange>> {
        self.read("email_change_find", (code_mac, now), |connection, (code_mac, now)| {
            Box::pin(undo_codes::find(connection, code_mac, *now))
        })
        .await
    }

    async fn email_change_undo(
        &self,
        undoing: EmailUndoing,
        messages: Vec<SealedMessage>,
    ) -> Result<EmailUndone> {
        self.write("email_change_undo", (undoing, messages), |connection, (undoing, messages)| {
            Box::pin(email_changes::undo(connection, undoing, messages))
        })
        .await
    }

    async fn username_change(
        &self,
        change: FactorChange,
        name: NewUsername,
        message: SealedMessage,
    ) -> Result<UsernameChanged> {
        self.write(
            "username_change",
            (change, name, message),
            |connection, (change, name, message)| {
                Box::pin(usernames::change(connection, change, name, message))
            },
        )
        .await
    }
}
