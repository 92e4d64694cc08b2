//! AdminService at an address of its own.

use countersign::{
    listen::Address,
    pb::{
        GetUserRequest, LoginRequest, admin_service_client::AdminServiceClient,
        auth_service_client::AuthServiceClient, get_user_request::User as By,
    },
};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::official;
use crate::harness::{Backend, Server, eventually, reason, server::bearer, soon};

#[tokio::test]
async fn it_is_there_and_nowhere_else_and_nothing_else_is_there() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.listen.admin = Some(Address::parse("127.0.0.1:0").unwrap());
    });
    let server = server.await;
    let (admin, tokens) = official(&server, "admin").await;
    let ask = || bearer(&tokens, GetUserRequest { user: Some(By::Id(admin.id.clone())) });
    let here = AdminServiceClient::new(server.channel.clone()).get_user(ask()).await.unwrap_err();
    assert_eq!((here.code(), &*reason(&here)), (Code::Unimplemented, "UNIMPLEMENTED"));

    let address = format!("http://{}", server.admin.unwrap());
    let there = soon("connecting", Channel::from_shared(address).unwrap().connect()).await.unwrap();
    let found = AdminServiceClient::new(there.clone()).get_user(ask()).await.unwrap();
    assert_eq!(found.into_inner().user.unwrap().id, admin.id);
    let refused = AdminServiceClient::new(there.clone()).get_user(GetUserRequest::default()).await;
    assert_eq!(reason(&refused.unwrap_err()), "TOKEN_INVALID", "behind the same gate");
    let refused = AuthServiceClient::new(there.clone()).login(LoginRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    eventually("health there", async || {
        let service = "auth.v1.AdminService".to_owned();
        let health = HealthClient::new(there.clone()).check(HealthCheckRequest { service }).await;
        health.is_ok_and(|answer| answer.into_inner().status == 1)
    })
    .await;
}
