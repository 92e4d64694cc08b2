//! The use cases, one file each, named after their RPC. Each reads like the security argument it makes.
//!
//! Use cases are methods of parts: one folder a topic, as a rule with one struct, and with no more state than its use
//! cases need. A part uses the parts below it (`docs/adr/0031-parts-of-the-service.md`); none reaches into another one,
//! or up.
//!
//! No transport, no SQL: requests come in as plain fields, and answers go out as domain values or as an [`Error`].

mod account;
mod admin;
mod assertions;
mod audit;
mod authorization;
mod ceremonies;
mod clock;
mod codes;
mod error;
mod factors;
mod fields;
mod keys;
mod known;
mod limits;
mod login;
mod mailbox;
mod managed_users;
mod new_passwords;
mod operations;
mod outbox;
mod passkeys;
mod retries;
mod revocations;
mod service_accounts;
mod sessions;
mod transfer;
mod upkeep;
mod verdicts;

pub use crate::password::HashParameters;

pub use self::{
    account::{
        Accounts, ChangeEmailRequest, ChangePasswordRequest, ChangeUsernameRequest,
        ConfirmEmailChangeRequest, PersonalPart, RegisterRequest, Registered, ResetPasswordRequest,
        UndoRequest,
    },
    admin::{
        AccountRequest, DisableTwoFactorError, Disabled, KeyRequest, NewKey, Operator,
        ServiceAccountError, ServiceAccountKeeper, ShownAccount, SwitchUserError, Switched,
        end_what_was_revived,
    },
    assertions::{
        AccountAssertion, AssertionError, Assertions, LONGEST_ASSERTION, LONGEST_WORKLOAD_TOKEN,
    },
    audit::{
        AuditLog, CreateSubscriptionRequest, CreatedSubscription, DeliveryFigures, EventStream,
        EventUpdate, ListEventsRequest, ListedEvents, SubscriptionWorker, Subscriptions, Watcher,
    },
    authorization::{Allowed, AuthorizationFigures, Authorizer, Presented, Refused, WhenBehind},
    ceremonies::{Ceremonies, CeremonyOptions},
    clock::Clock,
    error::{AdminError, Error, PasskeyError, ServiceError},
    factors::{ConfirmTotpRequest, Confirmation, Factors, Proof, TotpEnrollment},
    keys::{
        DigestKeyError, Jwks, KEYS_RELOAD_EVERY, KeyKeeper, Keys, ListedKey, ReencryptError,
        Reencrypted, Reencryption, SigningKeyError, check_master_key, with_digest_key,
    },
    limits::Limits,
    login::{
        BeginEmailLoginRequest, FinishEmailLoginRequest, FinishPasskeyLoginRequest, LoginOutcome,
        LoginRequest, Logins, PendingChallenge, ReauthenticateRequest, Verified, Verify2faRequest,
    },
    mailbox::{Mailbox, PendingMailboxCode, RequestPasswordResetRequest, VerifyEmailRequest},
    managed_users::{
        Conditions, CreateUserRequest, CreatedUser, ListUsersRequest, NewCredential,
        SetPasswordRequest, UpdateUserRequest, UserManager, UserName, UserPage,
    },
    new_passwords::NewPasswords,
    operations::{LogFilterInForce, Operations},
    outbox::{DeliveryPace, DeliveryWorker, Outbox},
    passkeys::{DeletePasskeyRequest, FinishPasskeyRegistrationRequest, PasskeyKeeper},
    retries::Retries,
    revocations::{
        RevocationPace, RevocationStream, RevocationUpdate, Revocations, longest_stream,
    },
    service_accounts::{
        Asked, ExchangeTokenRequest, IssueServiceTokenRequest, KnownKeys, RevokeTokenRequest,
        ServiceAccounts, ServiceProof, ServiceToken,
    },
    sessions::{
        Account, Caller, ListSessionsRequest, Principal, RefreshTokenRequest, Service, SessionPage,
        Sessions, Tokens,
    },
    transfer::{ImportOutcome, RowProblem, TransferredUser, Transfers},
    upkeep::{Janitor, NotReady, Readiness},
    verdicts::{ActiveToken, Standing, Verdicts},
};
