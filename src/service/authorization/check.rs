//! Check: whether a request to another service may pass.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Authorizer,
    decision::{Allowed, Refused},
};
use crate::{
    domain::authorization::{Access, Bearer, Found, Holder, Request, Rule, Rules, Unclear},
    service::verdicts::{ActiveToken, Standing},
    token::{Claims, payload},
};

/// It can be read in ways that different rules match.
const AMBIGUOUS: Unclear = Unclear("the path or the method can be read in several ways");

/// The token of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// There is none.
    Nothing,
    /// There are several that differ.
    Several,
    /// This one.
    Token(&'a str),
}

impl Authorizer {
    /// Whether the request may pass, by the first rule that matches it. What no rule matches, and what could be read in a way that another
    /// rule matches, is refused.
    ///
    /// # Errors
    /// Why it may not.
    pub async fn check(
        &self,
        request: &Request<'_>,
        presented: Presented<'_>,
    ) -> Result<Allowed, Refused> {
        let rules = self.rules();
        let decision = self.decide(&rules, request, presented).await;
        self.figures.count(&decision);
        decision
    }

    async fn decide(
        &self,
        rules: &Arc<Rules>,
        request: &Request<'_>,
        presented: Presented<'_>,
    ) -> Result<Allowed, Refused> {
        let (number, rule) = match rules.find(request)? {
            Found::Rule(number, rule) => (number, rule),
            Found::Nothing => return Err(Refused::NoRule),
            Found::Ambiguous => return Err(AMBIGUOUS.into()),
        };
        let allowed = Allowed {
            rule: number,
            token: None,
            claims: Vec::new(),
            strip_token: rule.strip_token,
            is_unsure: false,
            rules: Arc::clone(rules),
        };
        let Access::Token(demand) = &rule.access else { return Ok(allowed) };
        let jwt = match presented {
            Presented::Nothing => return Err(Refused::NoToken),
            Presented::Several => return Err(Refused::TokenInvalid),
            Presented::Token(jwt) => jwt,
        };
        let (token, is_unsure) = self.active(jwt).await?;
        demand.check(&bearer(token.claims()), self.clock.now()).map_err(Refused::Lacks)?;
        Ok(Allowed { token: Some(token), claims: claims(rule, jwt), is_unsure, ..allowed })
    }

    /// A good token, and whether nobody can tell if it was revoked lately.
    async fn active(&self, jwt: &str) -> Result<(ActiveToken, bool), Refused> {
        match self.verdicts.standing(jwt, self.when_behind.max_age).await {
            Standing::Active(token) => Ok((token, false)),
            Standing::Void => Err(Refused::TokenInvalid),
            Standing::Unknown(token) if self.when_behind.allows => Ok((token, true)),
            Standing::Unknown(_) | Standing::Doubtful => Err(Refused::Behind),
        }
    }
}

/// What a token says for its holder. Of users' tokens those that a service has exchanged are limited by a scope.
fn bearer(claims: &Claims) -> Bearer<'_> {
    match claims {
        Claims::User(of) => {
            let (roles, methods, login_at) = (&*of.roles, &*of.amr, of.auth_time);
            let scope = of.act.as_ref().map(|_service| &*of.scope);
            Bearer { holder: Holder::User { roles, methods, login_at }, scope, audience: &of.aud }
        }
        Claims::Service(of) => {
            Bearer { holder: Holder::Service, scope: Some(&of.scope), audience: &of.aud }
        }
    }
}

/// The claims that the rule asks for, by header.
fn claims(rule: &Rule, jwt: &str) -> Vec<(String, Value)> {
    if rule.headers.is_empty() {
        return Vec::new();
    }
    let all = payload(jwt);
    let found =
        |(header, claim): &(String, String)| Some((header.clone(), all.get(claim)?.clone()));
    rule.headers.iter().filter_map(found).collect()
}
