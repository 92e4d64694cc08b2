//! An operator enables an account again. Its user logs in anew: sessions that ended stay ended.

use super::{
    Operator,
    disable_user::{SwitchUserError, Switched, revoking},
};
use crate::domain::Context;

impl Operator {
    /// Enables an account, by username or address.
    ///
    /// # Errors
    /// An unknown user; the store's.
    pub async fn enable_user(
        &self,
        context: &Context,
        name: &str,
    ) -> Result<Switched, SwitchUserError> {
        let user = self.find(name).await?;
        let done = self.store.user_enable(user.id, revoking(context, &self.clock)).await?;
        Ok(if done { Switched::Now(user) } else { Switched::Before(user) })
    }
}
