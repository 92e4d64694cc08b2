//! Reflection.

use futures_util::stream;
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic::Code;
use tonic_reflection::pb::{v1, v1alpha};

use crate::harness::{Backend, Server};

const SERVICES: [&str; 4] = [
    "auth.v1.AccountService",
    "auth.v1.AuthService",
    "auth.v1.TokenService",
    "grpc.health.v1.Health",
];

#[tokio::test]
async fn both_versions_list_the_services() {
    let server = Server::start(Backend::Sqlite).await;
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut answers =
        client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) = answer
    else {
        panic!("{answer:?}")
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(SERVICES.iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");

    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                SERVICES[0].into(),
            ),
        ),
    };
    let mut answers =
        client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(files)) =
        answer
    else {
        panic!("{answer:?}")
    };
    // With the options that prost's types would drop (google.api.http).
    let path = b"/v1/me/sessions:revokeOthers";
    let file = &files.file_descriptor_proto[0];
    assert!(file.windows(path.len()).any(|bytes| bytes == path), "the HTTP rules are missing");
}

/// With List, which clients of older files do not know.
#[tokio::test]
async fn health_is_shown_as_it_is() {
    let server = Server::start(Backend::Sqlite).await;
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::FileContainingSymbol(
            SERVICES[3].into(),
        )),
    };
    let mut answers =
        client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(v1::server_reflection_response::MessageResponse::FileDescriptorResponse(files)) =
        answer
    else {
        panic!("{answer:?}")
    };
    let ours = FileDescriptorProto::decode(&*files.file_descriptor_proto[0]).unwrap();
    let theirs = FileDescriptorSet::decode(tonic_health::pb::FILE_DESCRIPTOR_SET).unwrap();
    let theirs = theirs.file.into_iter().next().unwrap();
    assert_eq!((ours.name(), ours.package()), ("grpc/health/v1/health.proto", theirs.package()));
    // What another implementation has is the same here.
    let methods = |file: &FileDescriptorProto| file.service[0].method.clone();
    let (mut known, mine) = (methods(&theirs), methods(&ours));
    assert!(known.iter().all(|method| mine.contains(method)), "{mine:?}");
    assert!(theirs.message_type.iter().all(|message| ours.message_type.contains(message)));
    known.extend(mine.iter().filter(|method| method.name() == "List").cloned());
    assert_eq!(known.len(), mine.len());
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let server =
        Server::start_with(Backend::Sqlite, |config, _| config.listen.reflection = false).await;
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
    let refused = client.server_reflection_info(stream::iter([])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}
