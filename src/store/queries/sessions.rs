//! [`Sessions`](crate::store::Sessions).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend, at_once,
    statements::{beginning, reauthentication, refresh, sessions},
};
use crate::{
    domain::{Session, Timestamp},
    store::{
        EmailLogin, FactorChange, LiveSession, LoginDevice, Refresh, Refreshed, Result, Revoking,
        SessionLimit, SessionPlace, Sessions, Settled,
    },
};

#[async_trait]
impl Sessions for Backend {
    async fn session_create(
        &self,
        session: Session,
        credential_version: i64,
        settled: Settled,
        limit: SessionLimit,
        device: LoginDevice,
    ) -> Result<Option<Session>> {
        let args = (session, credential_version, settled, limit, device);
        self.write(
            "session_create",
            args,
            |connection, (session, version, settled, limit, device)| {
                Box::pin(beginning::begin(connection, session, *version, (settled, *limit), device))
            },
        )
        .await
    }

    async fn email_login(&self, login: EmailLogin) -> Result<Option<Session>> {
        self.write("email_login", login, |connection, login| {
            Box::pin(beginning::begin_by_code(connection, login))
        })
        .await
    }

    async fn session_live(&self, id: Uuid, now: Timestamp) -> Result<Option<LiveSession>> {
        self.read("session_live", (id, now), |connection, (id, now)| {
            Box::pin(sessions::live(connection, *id, *now))
        })
        .await
    }

    async fn session_find(&self, id: Uuid) -> Result<Option<Session>> {
        self.read("session_find", id, |connection, id| Box::pin(sessions::find(connection, *id)))
            .await
    }

    async fn session_list(
        &self,
        user_id: Uuid,
        now: Timestamp,
        after: Option<SessionPlace>,
        most: u32,
    ) -> Result<Vec<Session>> {
        let after = after.unwrap_or(SessionPlace::FIRST);
        let args = (user_id, now, after, most);
        self.read("session_list", args, |connection, (user_id, now, after, most)| {
            Box::pin(sessions::list(connection, *user_id, *now, *after, *most))
        })
        .await
    }

    async fn session_refresh(&self, refresh: Refresh) -> Result<Refreshed> {
        self.write_at_once(
            "session_refresh",
            refresh,
            at_once::REFRESH_SESSION,
            |connection, asked| Box::pin(refresh::run(connection, asked)),
        )
        .await
    }

    async fn session_reauthenticate(&self, change: FactorChange) -> Result<Option<Session>> {
        self.write("session_reauthenticate", change, |connection, change| {
            Box::pin(reauthentication::by_password(connection, change))
        })
        .await
    }

    async fn session_revoke(&self, id: Uuid, user_id: Uuid, at: Revoking) -> Result<bool> {
        self.write("session_revoke", (id, user_id, at), |connection, (id, user_id, at)| {
            Box::pin(sessions::revoke_one(connection, *id, *user_id, at))
        })
        .await
    }

    async fn session_revoke_for(
        &self,
        id: Uuid,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<bool> {
        self.write(
            "session_revoke_for",
            (id, user_id, asking, at),
            |connection, (id, user_id, asking, at)| {
                Box::pin(sessions::revoke_for(connection, *id, *user_id, *asking, at))
            },
        )
        .await
    }

    async fn session_revoke_others(
        &self,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<Option<usize>> {
        self.write(
            "session_revoke_others",
            (user_id, asking, at),
            |connection, (user_id, asking, at)| {
                Box::pin(sessions::revoke_all_but(connection, *user_id, *asking, at))
            },
        )
        .await
    }
}
