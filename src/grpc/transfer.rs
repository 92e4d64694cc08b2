//! Imports and exports as streams, and their rows.

use std::{sync::Arc, time::Duration};

use futures_util::{
    TryStreamExt as _,
    stream::{self, BoxStream},
};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    convert::timestamp,
    managed_users::{disabled, hash_parameters, time},
    standing::Standing,
    status::{deadline_exceeded, status},
    structs,
};
use crate::{
    domain::{Context, InvalidField, JsonObject, id, size},
    pb::{self, UserState},
    service::{Error, ImportOutcome, RowProblem, TransferredUser, Transfers},
};

/// How long an import waits for the next message.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running import.
pub(super) struct Import {
    pub(super) transfers: Arc<Transfers>,
    pub(super) context: Context,
    pub(super) standing: Standing,
    pub(super) messages: Streaming<pb::ImportUsersRequest>,
    /// The number of the next row.
    pub(super) row: i64,
}

impl Import {
    /// The answers: one to each message, once its rows are committed. The next message is read only then (backpressure).
    pub(super) fn answers(self) -> BoxStream<'static, Result<pb::ImportUsersResponse, Status>> {
        Box::pin(stream::try_unfold(self, |mut import| async {
            let next = timeout(PATIENCE, import.messages.message()).await;
            let message = next.map_err(|_elapsed| deadline_exceeded())?.map_err(too_large)?;
            let Some(message) = message else { return Ok(None) };
            import.standing.must_hold().await?;
            let answer = import.answer(message).await?;
            Ok(Some((answer, import)))
        }))
    }

    async fn answer(
        &mut self,
        message: pb::ImportUsersRequest,
    ) -> Result<pb::ImportUsersResponse, Status> {
        let is_trial = message.validate_only;
        let rows: Vec<_> = message.users.into_iter().map(user).collect();
        let valid = rows.iter().filter_map(|row| row.as_ref().ok().cloned()).collect();
        let outcomes = self.transfers.import_users(&self.context, valid, is_trial).await;
        let mut outcomes = outcomes.map_err(status)?.into_iter();
        let mut results = Vec::with_capacity(rows.len());
        for row in rows {
            let outcome = match row {
                Ok(_) => outcomes.next(),
                Err(InvalidField { field, problem, .. }) => {
                    Some(ImportOutcome::Invalid(vec![RowProblem { field, problem }]))
                }
            };
            results.extend(outcome.map(|outcome| result(self.row, outcome, is_trial)));
            self.row += 1;
        }
        Ok(pb::ImportUsersResponse { results })
    }
}

/// A message over the limit is OUT_OF_RANGE to tonic, without a reason. Other RPCs answer it so (`bounds.rs`).
fn too_large(error: Status) -> Status {
    if error.code() == Code::OutOfRange {
        let problem = "must have at most 65536 bytes in all: send fewer rows in a message";
        return status(InvalidField::new("request", problem).with("max_bytes", 65_536).into());
    }
    error
}

/// A running export: a message for each portion.
pub(super) struct Export {
    standing: Standing,
    portions: BoxStream<'static, Result<Vec<TransferredUser>, Error>>,
}

impl Export {
    /// That of the users after that one.
    pub(super) fn new(
        transfers: &Transfers,
        standing: Standing,
        after: Uuid,
        with_secrets: bool,
    ) -> Self {
        Self { standing, portions: Box::pin(transfers.export_users(after, with_secrets)) }
    }

    pub(super) fn messages(self) -> BoxStream<'static, Result<pb::ExportUsersResponse, Status>> {
        Box::pin(stream::try_unfold(self, |mut export| async {
            let portion = export.portions.try_next().await.map_err(status)?;
            let Some(users) = portion else { return Ok(None) };
            // They were read ahead: the caller's authority is that of now.
            export.standing.must_hold().await?;
            let cursor = users.last().and_then(|user| user.id).unwrap_or_default().to_string();
            let users = users.into_iter().map(record).collect();
            Ok(Some((pb::ExportUsersResponse { users, cursor }, export)))
        }))
    }
}

/// The user after which an export goes on.
pub(super) fn cursor(text: &str) -> Result<Uuid, InvalidField> {
    let bad = |_| InvalidField::new("cursor", "must be empty, or one that ExportUsers sent");
    if text.is_empty() { Ok(Uuid::nil()) } else { id(size::CURSOR, text).map_err(bad) }
}

fn user(record: pb::UserRecord) -> Result<TransferredUser, InvalidField> {
    let created_at = record.create_time.map(|at| time(at, "create_time")).transpose()?;
    Ok(TransferredUser {
        id: None,
        username: record.username,
        email: record.email,
        email_verified: record.email_verified,
        password_hash: Zeroizing::new(record.password_hash),
        hash_parameters: record.hash_parameters.map(hash_parameters).unwrap_or_default(),
        roles: record.roles,
        metadata: structs::members(record.metadata.unwrap_or_default(), "metadata")?,
        claims: structs::members(record.claims.unwrap_or_default(), "claims")?,
        totp_secret: Zeroizing::new(record.totp_secret),
        two_factor_enabled: record.two_factor_enabled,
        is_disabled: disabled(record.state)?.unwrap_or(false),
        created_at,
    })
}

fn record(mut user: TransferredUser) -> pb::UserRecord {
    let state = if user.is_disabled { UserState::Disabled } else { UserState::Active };
    let object = |members| structs::object(&JsonObject::from_members(members));
    pb::UserRecord {
        id: user.id.map(|id| id.to_string()).unwrap_or_default(),
        username: user.username,
        email: user.email,
        email_verified: user.email_verified,
        password_hash: std::mem::take(&mut *user.password_hash),
        hash_parameters: None,
        roles: user.roles,
        metadata: object(user.metadata),
        claims: object(user.claims),
        totp_secret: std::mem::take(&mut *user.totp_secret),
        state: state.into(),
        create_time: user.created_at.map(timestamp),
        two_factor_enabled: user.two_factor_enabled,
    }
}

fn result(row: i64, outcome: ImportOutcome, is_trial: bool) -> pb::ImportResult {
    let (outcome, id, problems) = match outcome {
        // The id of a trial is nobody's.
        ImportOutcome::Created(_) if is_trial => (pb::ImportOutcome::Created, None, Vec::new()),
        ImportOutcome::Created(id) => (pb::ImportOutcome::Created, Some(id), Vec::new()),
        ImportOutcome::Exists(id) => (pb::ImportOutcome::Exists, Some(id), Vec::new()),
        ImportOutcome::Invalid(problems) => (pb::ImportOutcome::Invalid, None, problems),
    };
    let problem =
        |RowProblem { field, problem }| pb::FieldProblem { field: field.into_owned(), problem };
    pb::ImportResult {
        row,
        outcome: outcome.into(),
        user_id: id.map(|id| id.to_string()).unwrap_or_default(),
        problems: problems.into_iter().map(problem).collect(),
    }
}
