//! Access control: what each RPC asks of its callers. `gate.rs` checks it, before the handlers.
//!
//! One table for all services. It fails closed: an RPC that is missing here is refused.

use super::Refusal;
use crate::{
    domain::{Actor, Permission},
    telemetry::RpcName,
};

/// The need of an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the answer has no secrets, also to a request with all-default fields.
    Nothing,
    /// A proof in its own fields: a password, a code, a token. The use case checks it, and refuses all-default fields.
    Fields,
    /// The access token of a live session.
    Bearer,
    /// The same; or that of a session that has ended, for a retry: the request may have ended it, and its answer may be lost. The use
    /// case gives it the answer that was noted, and nothing else.
    BearerOrRetry,
    /// A caller with this permission, also where there is no policy of callers: a certificate that the policy names, a service account,
    /// or a user with a role.
    Permission(Permission),
}

/// An RPC, and what it asks of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rpc {
    /// Its path.
    pub path: &'static str,
    /// Its need.
    pub need: Need,
    /// The permission that it takes where there is a policy of callers. Without a policy every caller has it.
    pub permission: Option<Permission>,
}

/// All our RPCs, and their needs.
pub const TABLE: [Rpc; 63] = [
    Rpc::of("/auth.v1.AuthService/Register", Need::Fields).for_those_with(Permission::Register),
    Rpc::of("/auth.v1.AuthService/Login", Need::Fields),
    Rpc::of("/auth.v1.AuthService/Verify2FA", Need::Fields),
    Rpc::of("/auth.v1.AuthService/ResendCode", Need::Fields),
    Rpc::of("/auth.v1.AuthService/RefreshToken", Need::Fields),
    Rpc::of("/auth.v1.AuthService/Reauthenticate", Need::Bearer),
    Rpc::of("/auth.v1.AuthService/BeginPasskeyLogin", Need::Nothing),
    Rpc::of("/auth.v1.AuthService/FinishPasskeyLogin", Need::Fields),
    Rpc::of("/auth.v1.AuthService/BeginEmailLogin", Need::Fields),
    Rpc::of("/auth.v1.AuthService/FinishEmailLogin", Need::Fields),
    Rpc::of("/auth.v1.AuthService/Logout", Need::Fields),
    Rpc::of("/auth.v1.AuthService/VerifyEmail", Need::Fields),
    Rpc::of("/auth.v1.AuthService/ResendEmailVerification", Need::Fields),
    Rpc::of("/auth.v1.AuthService/RequestPasswordReset", Need::Fields),
    Rpc::of("/auth.v1.AuthService/ResetPassword", Need::Fields),
    Rpc::of("/auth.v1.AuthService/UndoEmailChange", Need::Fields),
    Rpc::of("/auth.v1.AuthService/UndoDeletion", Need::Fields),
    Rpc::of("/auth.v1.AccountService/GetMe", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ListSessions", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/RevokeSession", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/RevokeOtherSessions", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ListTrustedDevices", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/RevokeTrustedDevice", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ChangePassword", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/DeleteMe", Need::BearerOrRetry),
    Rpc::of("/auth.v1.AccountService/SendEmailVerification", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/SetTwoFactor", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/BeginTotpEnrollment", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ConfirmTotpEnrollment", Need::BearerOrRetry),
    Rpc::of("/auth.v1.AccountService/RegenerateRecoveryCodes", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ChangeEmail", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ConfirmEmailChange", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ChangeUsername", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/BeginPasskeyRegistration", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/FinishPasskeyRegistration", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ListPasskeys", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/RenamePasskey", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/DeletePasskey", Need::Bearer),
    Rpc::of("/auth.v1.AccountService/ExportMe", Need::Bearer),
    Rpc::of("/auth.v1.TokenService/GetJwks", Need::Nothing),
    Rpc::of("/auth.v1.TokenService/IntrospectToken", Need::Nothing)
        .for_those_with(Permission::Introspect),
    Rpc::of("/auth.v1.TokenService/IssueServiceToken", Need::Fields),
    Rpc::of("/auth.v1.TokenService/ExchangeToken", Need::Fields),
    Rpc::of("/auth.v1.TokenService/WatchRevocations", Need::Nothing)
        .for_those_with(Permission::Watch),
    Rpc::of("/auth.v1.AdminService/GetUser", READ),
    Rpc::of("/auth.v1.AdminService/BatchGetUsers", READ),
    Rpc::of("/auth.v1.AdminService/ListUsers", READ),
    Rpc::of("/auth.v1.AdminService/CreateUser", ADMIN),
    Rpc::of("/auth.v1.AdminService/UpdateUser", ADMIN),
    Rpc::of("/auth.v1.AdminService/DeleteUser", ADMIN),
    Rpc::of("/auth.v1.AdminService/SetPassword", ADMIN),
    Rpc::of("/auth.v1.AdminService/ResetFactors", ADMIN),
    Rpc::of("/auth.v1.AdminService/ListUserSessions", READ),
    Rpc::of("/auth.v1.AdminService/RevokeUserSessions", ADMIN),
    Rpc::of("/auth.v1.AdminService/UnlockUser", ADMIN),
    Rpc::of("/auth.v1.AdminService/ImportUsers", ADMIN),
    Rpc::of("/auth.v1.AdminService/ExportUsers", READ),
    Rpc::of("/auth.v1.AdminService/ListEvents", READ),
    Rpc::of("/auth.v1.AdminService/WatchEvents", READ),
    Rpc::of("/auth.v1.AdminService/CreateSubscription", ADMIN),
    Rpc::of("/auth.v1.AdminService/ListSubscriptions", READ),
    Rpc::of("/auth.v1.AdminService/DeleteSubscription", ADMIN),
    Rpc::of("/auth.v1.AdminService/SetLogFilter", ADMIN),
];

/// Envoy's, where there are rules. Without a policy of callers it is open as IntrospectToken is: both tell whether a token is good.
const EXT_AUTHZ: Rpc = Rpc::of("/envoy.service.auth.v3.Authorization/Check", Need::Nothing)
    .for_those_with(Permission::Authorize);

const ADMIN: Need = Need::Permission(Permission::Admin);
const READ: Need = Need::Permission(Permission::AdminRead);

/// The RPCs of the standard services.
const STANDARD: [&str; 5] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The name of an RPC that exists, or would with reflection on. Callers may invent other paths: those must become neither
/// metrics series nor log fields.
pub(crate) fn name(path: &str) -> RpcName {
    let ours = TABLE.iter().map(|known| known.path).chain([EXT_AUTHZ.path]);
    let known = ours.chain(STANDARD).find(|known| *known == path);
    let name = known.and_then(|known| {
        let full = known.strip_prefix('/')?;
        let (service, method) = full.split_once('/')?;
        Some(RpcName { service, method, full })
    });
    name.unwrap_or(RpcName::OTHER)
}

impl Need {
    /// Whether the actor meets the need.
    pub(super) fn is_met_by(self, actor: &Actor) -> bool {
        match self {
            Self::Nothing | Self::Fields => true,
            Self::Bearer | Self::BearerOrRetry => matches!(actor, Actor::User(_)),
            // Which one is asked by the gate.
            Self::Permission(_) => false,
        }
    }
}

impl Rpc {
    const fn of(path: &'static str, need: Need) -> Self {
        Self { path, need, permission: None }
    }

    const fn for_those_with(self, permission: Permission) -> Self {
        Self { permission: Some(permission), ..self }
    }

    /// The RPC at that path.
    ///
    /// # Errors
    /// Fails closed: a path that is not in the table is no RPC.
    pub(crate) fn at(path: &str) -> Result<Self, Refusal> {
        if let Some(standard) = STANDARD.into_iter().find(|known| *known == path) {
            return Ok(Self::of(standard, Need::Nothing));
        }
        let mut ours = TABLE.iter().chain([&EXT_AUTHZ]);
        ours.find(|known| known.path == path).copied().ok_or_else(Refusal::unknown_rpc)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::{
        delivery::{DELETION_REQUESTED, DeviceNotice, EMAIL_CHANGED, Notice},
        domain::{CallerName, EventKind, ServiceAccountId},
        edge::Code,
        pb::DESCRIPTORS,
    };

    #[test]
    fn the_table_has_every_rpc_once_and_nothing_else() {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
        let ours = files.iter().filter(|file| file.package().starts_with("auth."));
        let mut paths: Vec<_> = ours
            .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
            .flat_map(|(package, service)| {
                let path = format!("/{package}.{}/", service.name());
                service.method.iter().map(move |method| path.clone() + method.name())
            })
            .collect();
        let mut table: Vec<_> = TABLE.iter().map(|known| known.path.to_owned()).collect();
        paths.sort();
        table.sort();
        assert_eq!(table, paths);
    }

    /// The document's cells for each RPC: costs, budgets, events, notices.
    fn documented() -> Vec<(String, Vec<String>)> {
        let rows = include_str!("../../docs/limits.md").lines();
        let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect();
        let rows = rows.filter(|row| row.starts_with("| `")).map(cells);
        rows.map(|cells: Vec<_>| {
            (
                format!("/auth.v1.{}", cells[1].trim_matches('`').replace('.', "/")),
                cells[2..6].to_vec(),
            )
        })
        .collect()
    }

    /// Whether a message has a secret field: the build script has listed those, in Rust's spelling.
    fn has_secret(message: &str) -> bool {
        let listed = include_str!(concat!(env!("OUT_DIR"), "/secret_messages.rs"));
        let name = message.rsplit('.').next().unwrap_or_default();
        let mut words = listed.split(|c: char| !c.is_alphanumeric());
        words.any(|word| word.eq_ignore_ascii_case(name))
    }

    /// Callers of such an RPC have proved nothing, by no field either.
    #[test]
    fn what_needs_nothing_answers_with_no_secret() {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
        let ours = files.iter().filter(|file| file.package() == "auth.v1");
        for service in ours.flat_map(|file| &file.service) {
            for method in &service.method {
                let path = format!("/auth.v1.{}/{}", service.name(), method.name());
                let is_open = Rpc::at(&path).unwrap().need == Need::Nothing;
                assert!(!(is_open && has_secret(method.output_type())), "{path} answers a secret");
            }
        }
    }

    /// Adding an RPC requires a decision on its charges.
    #[test]
    fn the_document_says_of_every_rpc_what_it_charges_and_of_those_with_secrets_what_they_record() {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
        let rows = documented();
        let mut paths: Vec<_> = rows.iter().map(|(path, _)| path.clone()).collect();
        let mut table: Vec<_> = TABLE.iter().map(|known| known.path.to_owned()).collect();
        paths.sort();
        table.sort();
        assert_eq!(paths, table, "docs/limits.md has a row for each RPC");
        let services = files.iter().filter(|file| file.package() == "auth.v1");
        for service in services.flat_map(|file| &file.service) {
            for method in &service.method {
                let path = format!("/auth.v1.{}/{}", service.name(), method.name());
                let (_, cells) = rows.iter().find(|(known, _)| *known == path).unwrap();
                let [costs, budgets, events, notices] = &cells[..] else {
                    panic!("{path}: {cells:?}")
                };
                let takes_secret = has_secret(method.input_type());
                assert!(
                    !takes_secret || costs.contains("size"),
                    "{path} takes a secret of any size"
                );
                assert!(
                    !takes_secret || budgets != "none",
                    "{path} takes a secret: what does it charge?"
                );
                for event in events.split(", ").filter(|event| *event != "none") {
                    assert!(EventKind::parse(event).is_some(), "{path}: no event {event}");
                }
                for notice in notices.split(", ").filter(|notice| *notice != "none") {
                    let known = [EMAIL_CHANGED, DELETION_REQUESTED].contains(&notice)
                        || DeviceNotice::ALL.iter().any(|known| known.as_str() == notice)
                        || Notice::ALL.iter().any(|known| known.as_str() == notice);
                    assert!(known, "{path}: no notice {notice}");
                }
            }
        }
    }

    /// RPCs that hash or send mail have rate limits beside the sizes of their fields.
    #[test]
    fn the_document_names_the_budgets_of_all_that_hash_or_send() {
        let spends = [
            "Register",
            "Login",
            "ResendCode",
            "BeginEmailLogin",
            "ResendEmailVerification",
            "RequestPasswordReset",
            "ResetPassword",
            "ChangePassword",
            "SetTwoFactor",
            "BeginTotpEnrollment",
            "RegenerateRecoveryCodes",
            "ChangeEmail",
            "ChangeUsername",
            "ExportMe",
            "DeleteMe",
        ];
        let rows = documented();
        for name in spends {
            let (path, cells) =
                rows.iter().find(|(path, _)| path.ends_with(&format!("/{name}"))).unwrap();
            let counted =
                ["account", "session", "mailbox"].iter().any(|word| cells[1].contains(word));
            assert!(counted, "{path} spends a hash or a mail: {}", cells[1]);
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_closed() {
        let need = |path| Rpc::at(path).unwrap().need;
        assert_eq!(need("/grpc.health.v1.Health/Check"), Need::Nothing);
        assert_eq!(need("/auth.v1.AccountService/GetMe"), Need::Bearer);
        for (path, service, method) in [
            ("/auth.v1.AccountService/GetMe", "auth.v1.AccountService", "GetMe"),
            (EXT_AUTHZ.path, "envoy.service.auth.v3.Authorization", "Check"),
            ("/grpc.health.v1.Health/Check", "grpc.health.v1.Health", "Check"),
            ("/grpc.health.v1.Health/List", "grpc.health.v1.Health", "List"),
        ] {
            assert_eq!(name(path), RpcName { service, method, full: &path[1..] });
        }
        for path in [
            "/auth.v1.AccountService/getme",
            "/auth.v1.AccountService/GetMe/",
            "/grpc.health.v1.Health/Check/",
            "/grpc.health.v1.Other/Check",
            "/a.B/C",
            "",
        ] {
            assert_eq!(Rpc::at(path).unwrap_err().code, Code::Unimplemented, "{path}");
            assert_eq!(name(path), RpcName::OTHER, "{path}");
        }
    }

    #[test]
    fn what_needs_a_users_token_is_open_to_no_other_actor() {
        use uuid::Uuid;
        let (id, name) = (Uuid::nil(), CallerName::parse("dns:cart.example.org").unwrap());
        let service = Actor::Service(ServiceAccountId(id));
        let certificate = Actor::Certificate(name);
        for actor in [Actor::Nobody, Actor::User(id), service, certificate, Actor::Operator] {
            assert!(Need::Nothing.is_met_by(&actor) && Need::Fields.is_met_by(&actor));
            assert_eq!(Need::Bearer.is_met_by(&actor), actor == Actor::User(id), "{actor:?}");
        }
    }
}
