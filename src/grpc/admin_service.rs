//! AdminService: only translates.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::{
    arrival::context,
    audit, convert, managed_users,
    standing::Standing,
    status::status,
    transfer::{self, Export, Import},
};
use crate::{
    domain::Permission,
    edge::Gate,
    pb::{self, admin_service_server::AdminService},
    service::{
        Account, AuditLog, Conditions, ListSessionsRequest, Operations, Service, Subscriptions,
        Transfers, UserManager, Watcher,
    },
};

/// The handlers.
#[derive(Debug)]
pub struct AdminApi {
    /// Users.
    pub(crate) users: Arc<UserManager>,
    /// Imports and exports.
    pub(crate) transfers: Arc<Transfers>,
    /// Asks long calls again for what they have shown.
    pub(crate) gate: Arc<Gate>,
    /// Lists and streams events.
    pub(crate) audit: Arc<AuditLog>,
    /// Posts events.
    pub(crate) subscriptions: Arc<Subscriptions>,
    /// Changes this replica.
    pub(crate) operations: Arc<Operations>,
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn get_user(
        &self,
        request: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        let name = request.into_inner().user.map(managed_users::name);
        let user = self.users.get_user(name).await.map_err(status)?;
        Ok(Response::new(pb::GetUserResponse { user: Some(managed_users::user(user)) }))
    }

    async fn batch_get_users(
        &self,
        request: Request<pb::BatchGetUsersRequest>,
    ) -> Result<Response<pb::BatchGetUsersResponse>, Status> {
        let users = self.users.batch_get_users(&request.into_inner().ids).await;
        let users = users.map_err(status)?.into_iter().map(managed_users::user).collect();
        Ok(Response::new(pb::BatchGetUsersResponse { users }))
    }

    async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        let request = managed_users::list(request.into_inner());
        let request = request.map_err(|bad| status(bad.into()))?;
        let page = self.users.list_users(request).await.map_err(status)?;
        Ok(Response::new(managed_users::page(page)))
    }

    async fn create_user(
        &self,
        request: Request<pb::CreateUserRequest>,
    ) -> Result<Response<pb::CreateUserResponse>, Status> {
        let context = context(&request);
        let request = managed_users::create(request.into_inner());
        let request = request.map_err(|bad| status(bad.into()))?;
        let created = self.users.create_user(&context, request).await.map_err(status)?;
        Ok(Response::new(managed_users::created(created)))
    }

    async fn update_user(
        &self,
        request: Request<pb::UpdateUserRequest>,
    ) -> Result<Response<pb::UpdateUserResponse>, Status> {
        let context = context(&request);
        let request = managed_users::update(request.into_inner());
        let request = request.map_err(|bad| status(bad.into()))?;
        let user = self.users.update_user(&context, request).await.map_err(status)?;
        Ok(Response::new(pb::UpdateUserResponse { user: Some(managed_users::user(user)) }))
    }

    async fn delete_user(
        &self,
        request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let context = context(&request);
        let pb::DeleteUserRequest { id, etag, validate_only, request_id } = request.into_inner();
        let conditions = Conditions { id, etag, request_id, validate_only };
        self.users.delete_user(&context, &conditions).await.map_err(status)?;
        Ok(Response::new(pb::DeleteUserResponse {}))
    }

    async fn set_password(
        &self,
        request: Request<pb::SetPasswordRequest>,
    ) -> Result<Response<pb::SetPasswordResponse>, Status> {
        let context = context(&request);
        let request = managed_users::set_password(request.into_inner());
        let user = self.users.set_password(&context, request).await.map_err(status)?;
        Ok(Response::new(pb::SetPasswordResponse { user: Some(managed_users::user(user)) }))
    }

    async fn reset_factors(
        &self,
        request: Request<pb::ResetFactorsRequest>,
    ) -> Result<Response<pb::ResetFactorsResponse>, Status> {
        let context = context(&request);
        let pb::ResetFactorsRequest { id, etag, validate_only, request_id } = request.into_inner();
        let conditions = Conditions { id, etag, request_id, validate_only };
        let user = self.users.reset_factors(&context, &conditions).await.map_err(status)?;
        Ok(Response::new(pb::ResetFactorsResponse { user: Some(managed_users::user(user)) }))
    }

    async fn list_user_sessions(
        &self,
        request: Request<pb::ListUserSessionsRequest>,
    ) -> Result<Response<pb::ListUserSessionsResponse>, Status> {
        let pb::ListUserSessionsRequest { user_id, page_size, page_token } = request.into_inner();
        let request = ListSessionsRequest { page_size, page_token };
        let page = self.users.list_user_sessions(&user_id, request).await.map_err(status)?;
        let (sessions, next_page_token) = (page.sessions.into_iter(), page.next_page_token);
        // The nil id is none of them: no session is the caller's.
        let sessions = sessions.map(|of| convert::session(of, Uuid::nil())).collect();
        Ok(Response::new(pb::ListUserSessionsResponse { sessions, next_page_token }))
    }

    async fn revoke_user_sessions(
        &self,
        request: Request<pb::RevokeUserSessionsRequest>,
    ) -> Result<Response<pb::RevokeUserSessionsResponse>, Status> {
        let context = context(&request);
        let pb::RevokeUserSessionsRequest { user_id, session_id } = request.into_inner();
        let revoked = self.users.revoke_user_sessions(&context, &user_id, &session_id).await;
        let revoked_count = i32::try_from(revoked.map_err(status)?).unwrap_or(i32::MAX);
        Ok(Response::new(pb::RevokeUserSessionsResponse { revoked_count }))
    }

    async fn unlock_user(
        &self,
        request: Request<pb::UnlockUserRequest>,
    ) -> Result<Response<pb::UnlockUserResponse>, Status> {
        let context = context(&request);
        let id = request.into_inner().id;
        self.users.unlock_user(&context, &id).await.map_err(status)?;
        Ok(Response::new(pb::UnlockUserResponse {}))
    }

    type ImportUsersStream = BoxStream<'static, Result<pb::ImportUsersResponse, Status>>;

    async fn import_users(
        &self,
        request: Request<Streaming<pb::ImportUsersRequest>>,
    ) -> Result<Response<Self::ImportUsersStream>, Status> {
        let standing = Standing::of(&self.gate, Permission::Admin, &request);
        let (transfers, context) = (Arc::clone(&self.transfers), context(&request));
        let messages = request.into_inner();
        let import = Import { transfers, context, standing, messages, row: 0 };
        Ok(Response::new(import.answers()))
    }

    type ExportUsersStream = BoxStream<'static, Result<pb::ExportUsersResponse, Status>>;

    async fn export_users(
        &self,
        request: Request<pb::ExportUsersRequest>,
    ) -> Result<Response<Self::ExportUsersStream>, Status> {
        let standing = Standing::of(&self.gate, Permission::AdminRead, &request);
        let context = context(&request);
        let pb::ExportUsersRequest { include_secrets: with_secrets, cursor } = request.into_inner();
        if with_secrets {
            standing.must_have(Permission::ExportHashes).await?;
        }
        let after = transfer::cursor(&cursor).map_err(|bad| status(bad.into()))?;
        self.transfers.begin_export(&context, with_secrets).await.map_err(status)?;
        let export = Export::new(&self.transfers, standing, after, with_secrets);
        Ok(Response::new(export.messages()))
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let request = audit::list_request(request.into_inner()).map_err(status)?;
        let listed = self.audit.list_events(request).await.map_err(status)?;
        Ok(Response::new(audit::listed(listed)))
    }

    type WatchEventsStream = BoxStream<'static, Result<pb::WatchEventsResponse, Status>>;

    async fn watch_events(
        &self,
        request: Request<pb::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let account = request.extensions().get::<Account>().cloned();
        let service = request.extensions().get::<Service>().cloned();
        let watcher = Watcher::new(account, service);
        let pb::WatchEventsRequest { cursor, kinds } = request.into_inner();
        let events = self.audit.watch_events(watcher, &cursor, &kinds).await.map_err(status)?;
        let messages = stream::unfold(events, |mut events| async {
            let update = events.next().await?;
            Some((Ok(audit::event_update(update)), events))
        });
        Ok(Response::new(Box::pin(messages)))
    }

    async fn create_subscription(
        &self,
        request: Request<pb::CreateSubscriptionRequest>,
    ) -> Result<Response<pb::CreateSubscriptionResponse>, Status> {
        let context = context(&request);
        let request = audit::create_request(request.into_inner());
        let created = self.subscriptions.create_subscription(&context, request).await;
        Ok(Response::new(audit::created(created.map_err(status)?)))
    }

    async fn list_subscriptions(
        &self,
        _request: Request<pb::ListSubscriptionsRequest>,
    ) -> Result<Response<pb::ListSubscriptionsResponse>, Status> {
        let listed = self.subscriptions.list_subscriptions().await.map_err(status)?;
        let subscriptions = listed.into_iter().map(audit::subscription).collect();
        Ok(Response::new(pb::ListSubscriptionsResponse { subscriptions }))
    }

    async fn delete_subscription(
        &self,
        request: Request<pb::DeleteSubscriptionRequest>,
    ) -> Result<Response<pb::DeleteSubscriptionResponse>, Status> {
        let context = context(&request);
        let id = request.into_inner().id;
        self.subscriptions.delete_subscription(&context, &id).await.map_err(status)?;
        Ok(Response::new(pb::DeleteSubscriptionResponse {}))
    }

    async fn set_log_filter(
        &self,
        request: Request<pb::SetLogFilterRequest>,
    ) -> Result<Response<pb::SetLogFilterResponse>, Status> {
        let context = context(&request);
        let pb::SetLogFilterRequest { filter, ttl_seconds } = request.into_inner();
        let set = self.operations.set_log_filter(&context, &filter, ttl_seconds).await;
        Ok(Response::new(convert::log_filter(set.map_err(status)?)))
    }
}
