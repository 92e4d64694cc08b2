//! AdminService: only translates.

use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use crate::pb::{self, admin_service_server::AdminService};

/// The handlers.
#[derive(Debug)]
pub struct AdminApi {}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn get_user(
        &self,
        _request: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        Err(Status::unimplemented("GetUser"))
    }

    async fn batch_get_users(
        &self,
        _request: Request<pb::BatchGetUsersRequest>,
    ) -> Result<Response<pb::BatchGetUsersResponse>, Status> {
        Err(Status::unimplemented("BatchGetUsers"))
    }

    async fn list_users(
        &self,
        _request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        Err(Status::unimplemented("ListUsers"))
    }

    async fn create_user(
        &self,
        _request: Request<pb::CreateUserRequest>,
    ) -> Result<Response<pb::CreateUserResponse>, Status> {
        Err(Status::unimplemented("CreateUser"))
    }

    async fn update_user(
        &self,
        _request: Request<pb::UpdateUserRequest>,
    ) -> Result<Response<pb::UpdateUserResponse>, Status> {
        Err(Status::unimplemented("UpdateUser"))
    }

    async fn delete_user(
        &self,
        _request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        Err(Status::unimplemented("DeleteUser"))
    }

    async fn set_password(
        &self,
        _request: Request<pb::SetPasswordRequest>,
    ) -> Result<Response<pb::SetPasswordResponse>, Status> {
        Err(Status::unimplemented("SetPassword"))
    }

    async fn reset_factors(
        &self,
        _request: Request<pb::ResetFactorsRequest>,
    ) -> Result<Response<pb::ResetFactorsResponse>, Status> {
        Err(Status::unimplemented("ResetFactors"))
    }

    async fn list_user_sessions(
        &self,
        _request: Request<pb::ListUserSessionsRequest>,
    ) -> Result<Response<pb::ListUserSessionsResponse>, Status> {
        Err(Status::unimplemented("ListUserSessions"))
    }

    async fn revoke_user_sessions(
        &self,
        _request: Request<pb::RevokeUserSessionsRequest>,
    ) -> Result<Response<pb::RevokeUserSessionsResponse>, Status> {
        Err(Status::unimplemented("RevokeUserSessions"))
    }

    async fn unlock_user(
        &self,
        _request: Request<pb::UnlockUserRequest>,
    ) -> Result<Response<pb::UnlockUserResponse>, Status> {
        Err(Status::unimplemented("UnlockUser"))
    }

    type ImportUsersStream = BoxStream<'static, Result<pb::ImportUsersResponse, Status>>;

    async fn import_users(
        &self,
        _request: Request<Streaming<pb::ImportUsersRequest>>,
    ) -> Result<Response<Self::ImportUsersStream>, Status> {
        Err(Status::unimplemented("ImportUsers"))
    }

    type ExportUsersStream = BoxStream<'static, Result<pb::ExportUsersResponse, Status>>;

    async fn export_users(
        &self,
        _request: Request<pb::ExportUsersRequest>,
    ) -> Result<Response<Self::ExportUsersStream>, Status> {
        Err(Status::unimplemented("ExportUsers"))
    }

    async fn list_events(
        &self,
        _request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        Err(Status::unimplemented("ListEvents"))
    }

    type WatchEventsStream = BoxStream<'static, Result<pb::WatchEventsResponse, Status>>;

    async fn watch_events(
        &self,
        _request: Request<pb::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        Err(Status::unimplemented("WatchEvents"))
    }

    async fn create_subscription(
        &self,
        _request: Request<pb::CreateSubscriptionRequest>,
    ) -> Result<Response<pb::CreateSubscriptionResponse>, Status> {
        Err(Status::unimplemented("CreateSubscription"))
    }

    async fn list_subscriptions(
        &self,
        _request: Request<pb::ListSubscriptionsRequest>,
    ) -> Result<Response<pb::ListSubscriptionsResponse>, Status> {
        Err(Status::unimplemented("ListSubscriptions"))
    }

    async fn delete_subscription(
        &self,
        _request: Request<pb::DeleteSubscriptionRequest>,
    ) -> Result<Response<pb::DeleteSubscriptionResponse>, Status> {
        Err(Status::unimplemented("DeleteSubscription"))
    }
}
