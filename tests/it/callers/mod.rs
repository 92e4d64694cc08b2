//! The policy of callers: every RPC by every kind of caller.

mod proofs;
mod start;
mod streams;

use std::sync::Arc;

use countersign::{domain::Callers, pb::DESCRIPTORS};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::{Request, Status, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::harness::{reason, soon};

/// What an RPC asks of its callers where there is a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Nothing, or a proof in its own fields.
    Nothing,
    /// A user's own access token.
    User,
    /// A permission.
    Permission(&'static str),
    /// A permission that a caller must prove, also without a policy.
    Proved(&'static str),
}

/// Every RPC of the contract, and what it asks. One that is not here fails the tests: decide who may call it.
pub fn rpcs() -> Vec<(String, Asks)> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let ours = files.iter().filter(|file| file.package() == "auth.v1");
    let rpcs = ours.flat_map(|file| &file.service).flat_map(|service| {
        service.method.iter().map(|method| (service.name().to_owned(), method.name().to_owned()))
    });
    let all = rpcs.map(|(service, method)| {
        let asks = match (&*service, &*method) {
            ("AuthService", "Register") => Asks::Permission("register"),
            ("TokenService", "IntrospectToken") => Asks::Permission("introspect"),
            ("TokenService", "WatchRevocations") => Asks::Permission("watch"),
            ("TokenService", "GetJwks" | "IssueServiceToken" | "ExchangeToken") => Asks::Nothing,
            (
                "AuthService",
                "Login"
                | "Verify2FA"
                | "ResendCode"
                | "RefreshToken"
                | "BeginEmailLogin"
                | "FinishEmailLogin"
                | "Logout"
                | "VerifyEmail"
                | "ResendEmailVerification"
                | "RequestPasswordReset"
                | "ResetPassword"
                | "UndoEmailChange"
                | "BeginPasskeyLogin"
                | "FinishPasskeyLogin"
                | "UndoDeletion",
            ) => Asks::Nothing,
            ("AuthService", "Reauthenticate") | ("AccountService", _) => Asks::User,
            (
                "AdminService",
                "GetUser" | "BatchGetUsers" | "ListUsers" | "ListUserSessions" | "ExportUsers"
                | "ListEvents" | "WatchEvents" | "ListSubscriptions",
            ) => Asks::Proved("admin.read"),
            (
                "AdminService",
                "CreateUser" | "UpdateUser" | "DeleteUser" | "SetPassword" | "ResetFactors"
                | "RevokeUserSessions" | "UnlockUser" | "ImportUsers" | "CreateSubscription"
                | "DeleteSubscription" | "SetLogFilter",
            ) => Asks::Proved("admin"),
            _ => panic!("who may call {service}.{method}?"),
        };
        (format!("/auth.v1.{service}/{method}"), asks)
    });
    all.collect()
}

pub fn policy(text: &str) -> Option<Arc<Callers>> {
    Some(Arc::new(Callers::parse(text).unwrap()))
}

/// Calls an RPC with an empty message, which every handler refuses or answers, up to the first message of its answer.
pub async fn call(channel: &Channel, path: &str, authorization: &str) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(());
    if !authorization.is_empty() {
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    }
    let (path, codec) = (path.parse().unwrap(), ProstCodec::<(), ()>::default());
    let answer = soon("the call", client.server_streaming(request, path, codec)).await?;
    soon("an answer", answer.into_inner().message()).await.map(drop)
}

/// Whether an answer says that the caller is not let in; the missing permission, if that is why.
pub fn refusal(answer: Result<(), Status>) -> Option<(String, String)> {
    let refused = answer.err()?;
    let reason = reason(&refused);
    let closed = ["PERMISSION_MISSING", "TOKEN_INVALID", "INVALID_CREDENTIALS"];
    let info = refused.get_details_error_info().unwrap();
    let permission = info.metadata.get("permission").cloned().unwrap_or_default();
    closed.contains(&&*reason).then_some((reason, permission))
}
