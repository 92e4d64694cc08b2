//! IntrospectToken: whether an access token is active, and its claims (RFC 7662).

use super::{Sessions, bearer::Bearer};
use crate::{service::Error, token::Claims};

impl Sessions {
    /// The claims of an active token; `None` for all others, and the answer does not tell why (RFC 7662, section 2.2).
    ///
    /// # Errors
    /// The store's.
    pub async fn introspect_token(&self, jwt: &str) -> Result<Option<Claims>, Error> {
        Ok(self.bearer(jwt, &self.policy.audiences).await?.map(Bearer::into_claims))
    }
}
