//! Users who move in and out: ImportUsers, ExportUsers, and the commands.

mod commands;
mod export;
mod foreign_hashes;
mod import;
mod rows;
mod streams;

use countersign::pb::{
    ExportUsersRequest, ImportResult, ImportUsersRequest, ImportUsersResponse, UserRecord,
    admin_service_client::AdminServiceClient,
};
use futures_util::stream;
use tonic::{Request, Status, Streaming, metadata::MetadataValue, transport::Channel};

use crate::harness::{Server, soon};

/// The request with any bearer token: a user's, or a service's key.
pub fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

fn client(server: &Server) -> AdminServiceClient<Channel> {
    AdminServiceClient::new(server.channel.clone())
}

/// One batch, and its results.
pub async fn import(server: &Server, token: &str, users: Vec<UserRecord>) -> Vec<ImportResult> {
    let batch = ImportUsersRequest { users, validate_only: false };
    import_batch(server, token, batch).await.unwrap()
}

async fn import_batch(
    server: &Server,
    token: &str,
    batch: ImportUsersRequest,
) -> Result<Vec<ImportResult>, Status> {
    let request = bearing(token, stream::iter([batch]));
    let mut answers = soon("ImportUsers", client(server).import_users(request)).await?.into_inner();
    let mut results = Vec::new();
    while let Some(ImportUsersResponse { results: more }) =
        soon("results", answers.message()).await?
    {
        results.extend(more);
    }
    Ok(results)
}

/// All users, and all cursors.
async fn export(
    server: &Server,
    token: &str,
    request: ExportUsersRequest,
) -> Result<(Vec<UserRecord>, Vec<String>), Status> {
    let request = bearing(token, request);
    let answers = soon("ExportUsers", client(server).export_users(request)).await?;
    let mut answers: Streaming<_> = answers.into_inner();
    let (mut users, mut cursors) = (Vec::new(), Vec::new());
    while let Some(message) = soon("users", answers.message()).await? {
        users.extend(message.users);
        cursors.push(message.cursor);
    }
    Ok((users, cursors))
}
