//! The handlers of each gRPC listener.

use std::sync::Arc;

use super::parts::Parts;
use crate::{
    edge::Gate,
    grpc::{AccountApi, AdminApi, Apis, AuthApi, AuthorizationApi, KeySet, TokenApi},
};

/// The handlers of gRPC's listener, and of administrators' where that is another one.
pub(super) fn of_listeners(parts: &Parts, gate: &Arc<Gate>, admin_is_apart: bool) -> Vec<Apis> {
    let (public, admin) = (Some(public(parts)), Some(admin(parts, gate)));
    let authorization = authorization(parts);
    if admin_is_apart {
        let administrators = Apis { public: None, authorization: None, admin };
        vec![Apis { public, authorization, admin: None }, administrators]
    } else {
        vec![Apis { public, authorization, admin }]
    }
}

fn public(parts: &Parts) -> (AuthApi, AccountApi, TokenApi) {
    let auth = AuthApi {
        accounts: Arc::clone(&parts.accounts),
        logins: Arc::clone(&parts.logins),
        mailbox: Arc::clone(&parts.mailbox),
        sessions: Arc::clone(&parts.sessions),
    };
    let account = AccountApi {
        accounts: Arc::clone(&parts.accounts),
        factors: Arc::clone(&parts.factors),
        passkeys: Arc::clone(&parts.passkeys),
        mailbox: Arc::clone(&parts.mailbox),
        sessions: Arc::clone(&parts.sessions),
    };
    let token = TokenApi {
        keys: Arc::clone(&parts.keys),
        key_set: KeySet::default(),
        verdicts: Arc::clone(&parts.verdicts),
        revocations: Arc::clone(&parts.revocations),
        service_accounts: Arc::clone(&parts.service_accounts),
    };
    (auth, account, token)
}

fn authorization(parts: &Parts) -> Option<AuthorizationApi> {
    let rules = parts.rules.as_ref()?;
    let (authorizer, cookie) = (Arc::clone(rules.authorizer()), rules.cookie().map(str::to_owned));
    Some(AuthorizationApi { authorizer, cookie })
}

fn admin(parts: &Parts, gate: &Arc<Gate>) -> AdminApi {
    AdminApi {
        users: Arc::clone(&parts.users),
        transfers: Arc::clone(&parts.transfers),
        gate: Arc::clone(gate),
        audit: Arc::clone(&parts.audit),
        subscriptions: Arc::clone(&parts.subscriptions),
        operations: Arc::clone(&parts.operations),
    }
}
