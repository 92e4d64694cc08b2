//! Login, RefreshToken and GetMe among many users and sessions, beside the same among few.
//!
//! Both databases have the users of `countersign seed`. Each call takes another user, or another session, at random: among many
//! the pages that it needs are not those of the call before.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use countersign::pb::{
    GetMeRequest, LoginRequest, RefreshTokenRequest, Tokens,
    account_service_client::AccountServiceClient, auth_service_client::AuthServiceClient,
    login_response::Result as Outcome,
};
use futures_util::future::try_join_all;
use rand::RngExt as _;
use sqlx::{Connection as _, PgConnection};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

use super::Plan;
use crate::{report::Report, server::Server, tally::median};

/// That of the users of `countersign seed`.
const PASSWORD: &str = "sample correct horse";

const CALLERS: usize = 8;

/// Sessions that a caller refreshes and asks with, in turns.
const SESSIONS: usize = 64;

/// Many, so that other work on the machine meets both sides alike.
const ROUNDS: u32 = 21;

/// Rounds before, which fill caches and let Postgres choose its plans.
const WARM_UP: u32 = 3;

const KINDS: [Kind; 3] = [Kind::Login, Kind::RefreshToken, Kind::GetMe];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Login,
    RefreshToken,
    GetMe,
}

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let [few, many] = &plan.postgres[..] else { anyhow::bail!("it takes two --postgres") };
    plan.say("among: sessions of random users");
    let mut sides = [Side::start(few).await?, Side::start(many).await?];
    let (users, time) = (sides[0].users, plan.duration / ROUNDS);
    report.title(format!(
        "Among {} users beside {users}, {CALLERS} callers, {ROUNDS} rounds in turns",
        sides[1].users
    ));
    for kind in KINDS {
        plan.say("among: calls in turns");
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS + WARM_UP {
            for turn in 0..2 {
                let side = usize::from((turn + round) % 2 == 1);
                let rate = sides[side].rate(kind, time).await?;
                if round >= WARM_UP {
                    rates[side].push(rate);
                }
            }
        }
        let ratios = rates[0].iter().zip(&rates[1]).map(|(few, many)| few / many).collect();
        let [few, many] = rates.map(median);
        let name = format!("{kind:?}, time by that among few");
        report.aim(name, format!("{:.2}", median(ratios)), "≤ 1.1");
        report.add(format!("{kind:?}/s, few and many"), format!("{few:.0}, {many:.0}"));
    }
    Ok(())
}

/// A database, its server, and callers.
struct Side {
    users: u32,
    callers: Vec<Caller>,
    _server: Server,
}

impl Side {
    async fn start(url: &str) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        let users: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(&mut connection).await?;
        let (users, server) = (u32::try_from(users)?, Server::on_postgres(url).await?);
        let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc))?;
        let callers =
            try_join_all((0..CALLERS).map(|_| Caller::start(endpoint.clone(), users))).await?;
        Ok(Self { users, callers, _server: server })
    }

    /// Calls a second, of all callers together.
    async fn rate(&mut self, kind: Kind, time: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let running: Vec<_> = self
            .callers
            .drain(..)
            .map(|caller| tokio::spawn(caller.run(kind, begun + time)))
            .collect();
        let mut calls = 0;
        for ended in try_join_all(running).await? {
            let (caller, counted) = ended?;
            self.callers.push(caller);
            calls += counted;
        }
        Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
    }
}

struct Caller {
    auth: AuthServiceClient<Channel>,
    account: AccountServiceClient<Channel>,
    users: u32,
    sessions: Vec<Tokens>,
}

impl Caller {
    async fn start(endpoint: Endpoint, users: u32) -> anyhow::Result<Self> {
        let channel = endpoint.connect().await?;
        let auth = AuthServiceClient::new(channel.clone());
        let account = AccountServiceClient::new(channel);
        let mut caller = Self { auth, account, users, sessions: Vec::new() };
        for _ in 0..SESSIONS {
            let tokens = caller.log_in().await?;
            caller.sessions.push(tokens);
        }
        Ok(caller)
    }

    /// Calls until then. Returns itself, with how often.
    async fn run(mut self, kind: Kind, until: Instant) -> anyhow::Result<(Self, u32)> {
        let mut calls = 0;
        while Instant::now() < until {
            let session = calls as usize % SESSIONS;
            match kind {
                Kind::Login => drop(self.log_in().await?),
                Kind::RefreshToken => self.refresh(session).await?,
                Kind::GetMe => self.get_me(session).await?,
            }
            calls += 1;
        }
        Ok((self, calls))
    }

    /// A random user without a second factor, whose number is odd, logs in.
    fn log_in(&mut self) -> impl Future<Output = anyhow::Result<Tokens>> + Send + '_ {
        let number = rand::rng().random_range(0..self.users.div_ceil(2)) * 2 + 1;
        let (username, password) = (format!("sample-{number}"), PASSWORD.to_owned());
        let request = LoginRequest { username, password, ..LoginRequest::default() };
        async move {
            match self.auth.login(request).await?.into_inner().result {
                Some(Outcome::Tokens(tokens)) => Ok(tokens),
                _ => anyhow::bail!("a login gave no tokens"),
            }
        }
    }

    async fn refresh(&mut self, session: usize) -> anyhow::Result<()> {
        let refresh_token = self.sessions[session].refresh_token.clone();
        let request = RefreshTokenRequest { refresh_token, ..RefreshTokenRequest::default() };
        let answer = self.auth.refresh_token(request).await?.into_inner();
        self.sessions[session] = answer.tokens.context("no tokens")?;
        Ok(())
    }

    async fn get_me(&mut self, session: usize) -> anyhow::Result<()> {
        let mut request = Request::new(GetMeRequest {});
        let bearer = format!("Bearer {}", self.sessions[session].access_token);
        request.metadata_mut().insert("authorization", bearer.parse()?);
        self.account.get_me(request).await?;
        Ok(())
    }
}
