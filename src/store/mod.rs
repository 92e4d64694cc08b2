//! Persistence, and its guarantees. SQL lives below this module and nowhere else.
//!
//! [`Store`] is one trait a topic, each in a file of its own with the records that it takes and gives. Its methods are as large
//! as a use case needs and atomic, so that no transaction type leaks upward. There are two implementations, Postgres and SQLite.
//! The statements are the same text for both (`queries/`, compiled once for each database); how a connection is had, guarded and
//! retried is each one's own. Every method has a contract test that runs on both (`tests/it/store/`). A method that does what
//! matters for security records it as an event, in the same transaction.

mod appended_here;
mod body;
mod cause;
mod challenges;
mod change;
mod column;
mod connect;
mod database;
mod deadlines;
mod deletions;
mod email_changes;
mod error;
mod event_log;
mod events;
mod factors;
mod housekeeping;
mod kind;
mod login_device;
mod mailbox;
mod managed_users;
mod migrations;
mod operations;
mod outbox;
mod passkeys;
mod passwords;
mod pending_users;
mod personal_data;
pub mod postgres;
mod preparation;
pub(crate) mod private_file;
mod reservation;
mod retries;
mod revocations;
mod sealed;
mod service_accounts;
mod sessions;
mod signing_keys;
pub mod sqlite;
mod subscriptions;
mod throttles;
mod transfer;
mod trusted_devices;
mod users;
mod waits;
mod write_health;

pub use self::{
    appended_here::AppendedHere,
    challenges::{Challenges, CodeRules, NewChallenge, Renewal, ReservedChallenge},
    change::{FactorChange, Revoking},
    connect::{connect, connect_accepting, connect_existing, must_exist},
    database::{Database, PoolUse},
    deletions::{DeletionUndoing, Deletions, PendingDeletion},
    email_changes::{
        EmailChange, EmailChanges, EmailUndoing, EmailUndone, MOST_UNDOABLE, NewUndo, NewUsername,
        UndoableChange, UsernameChanged,
    },
    error::{Error, Result},
    event_log::{EventLog, EventPage, EventsState, Numbered, NumberedEvent},
    events::{EventFilter, Events},
    factors::{
        ConfirmTotp, Factors, NewTotp, PasskeyUse, SealedTotp, Spending, SpentRecoveryCode,
        TwoFactor, UserFactors,
    },
    housekeeping::{Ended, Housekeeping, Lease, LeaseTaken, Restoration},
    kind::Kind,
    login_device::{BoundedNotice, LoginDevice, UnknownDevice},
    mailbox::{
        CodeDestination, DailyNotice, MailboxCode, MailboxCodes, MailboxProof, NewMailboxCode,
        PasswordReset,
    },
    managed_users::{
        Changed, ManagedUsers, NewAddress, NewManagedUser, UserChange, UserChangeRequest,
        UserUpdate,
    },
    operations::Operations,
    outbox::{
        ClaimedMessage, Hold, LONGEST_REST, Outbox, OutboxState, Places, Priority, Rest,
        SealedCode, SealedMessage,
    },
    passkeys::{NewPasskey, PasskeyAdded, PasskeyDeleted, PasskeyProof, PasskeyProved, Passkeys},
    passwords::{PasswordChange, Passwords},
    pending_users::{Completed, PendingUsers},
    personal_data::PersonalRecords,
    preparation::{Migrate, Preparation, prepare},
    reservation::Reservation,
    retries::{CarriedOut, Retries},
    revocations::{NumberedRevocation, Revocations},
    sealed::{Resealed, SealedColumn, SealedValue, SealedValues, WrappedKey},
    service_accounts::{
        AccountChanged, AccountTaken, NewAssertion, NewServiceAccount, NewServiceKey,
        ServiceAccountChange, ServiceAccounts, ServiceKey,
    },
    sessions::{EmailLogin, LiveSession, Refresh, Refreshed, SessionLimit, SessionPlace, Sessions},
    signing_keys::{SealedKey, SigningKeys},
    subscriptions::{
        Consequence, FailedDelivery, NewSubscription, SealedEvent, SubscriptionTarget,
        SubscriptionWork, Subscriptions,
    },
    throttles::{Admission, Budgets, Charge, Settled, Throttles},
    transfer::{ExportedUser, Imported, ImportedUser, Transfer},
    trusted_devices::{NewTrust, SparedBy, TrustWindow, TrustedDevices},
    users::{Credentials, Deletion, NewUser, Taken, Users},
};

use self::{
    body::Body,
    deadlines::{PATIENCE, READ_DEADLINE, WRITE_DEADLINE},
};

/// The whole store.
pub trait Store:
    Database
    + Users
    + PendingUsers
    + Transfer
    + ManagedUsers
    + Passwords
    + Sessions
    + Challenges
    + Factors
    + Passkeys
    + TrustedDevices
    + MailboxCodes
    + EmailChanges
    + Deletions
    + PersonalRecords
    + Outbox
    + SigningKeys
    + SealedValues
    + Retries
    + Revocations
    + ServiceAccounts
    + Throttles
    + Events
    + EventLog
    + Subscriptions
    + Housekeeping
{
}

impl<T> Store for T where
    T: Database
        + Users
        + PendingUsers
        + Transfer
        + ManagedUsers
        + Passwords
        + Sessions
        + Challenges
        + Factors
        + Passkeys
        + TrustedDevices
        + MailboxCodes
        + EmailChanges
        + Deletions
        + PersonalRecords
        + Outbox
        + SigningKeys
        + SealedValues
        + Retries
        + Revocations
        + ServiceAccounts
        + Throttles
        + Events
        + EventLog
        + Subscriptions
        + Housekeeping
{
}
