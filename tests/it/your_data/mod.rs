//! ExportMe: all that is stored about the user who asks, and nothing else.

mod complete;
mod cost;
mod parts;
mod tables;

use countersign::pb::{ExportMeRequest, ExportMeResponse, Tokens};
use prost::Message as _;
use tonic::{Status, Streaming};

use crate::harness::{
    Server,
    server::{PASSWORD, bearer},
    soon,
};

/// The stream of an export.
async fn begin(
    server: &Server,
    tokens: &Tokens,
    request: ExportMeRequest,
) -> Result<Streaming<ExportMeResponse>, Status> {
    let mut account = server.account.clone();
    let begun = account.export_me(bearer(tokens, request));
    Ok(soon("ExportMe", begun).await?.into_inner())
}

/// All messages of an export.
pub async fn export(
    server: &Server,
    tokens: &Tokens,
    request: ExportMeRequest,
) -> Result<Vec<ExportMeResponse>, Status> {
    let mut stream = begin(server, tokens, request).await?;
    let mut messages = Vec::new();
    while let Some(message) = soon("a part", stream.message()).await? {
        messages.push(message);
    }
    Ok(messages)
}

fn with_password() -> ExportMeRequest {
    ExportMeRequest { password: PASSWORD.to_owned(), ..Default::default() }
}

/// The messages of an export as one, as the contract promises that they can be read.
async fn merged(server: &Server, tokens: &Tokens) -> ExportMeResponse {
    let messages = export(server, tokens, with_password()).await.unwrap();
    let bytes: Vec<_> = messages.iter().flat_map(ExportMeResponse::encode_to_vec).collect();
    ExportMeResponse::decode(&*bytes).unwrap()
}
