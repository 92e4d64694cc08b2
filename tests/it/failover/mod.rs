//! A database that moves: what fails meanwhile, for how long, and what comes back by itself.

mod few_connections;
mod flood;
mod made_anew;
mod promotion;
mod reads;
mod restarts;
mod writes;

use std::{sync::Arc, time::Duration};

use countersign::{
    app::Environment,
    config::Config,
    grpc::SERVICES,
    pb::{RegisterRequest, auth_service_client::AuthServiceClient},
};
use tokio::{sync::Mutex, task::JoinSet, time::Instant};
use tonic::{Request, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::harness::{
    Backend, Database, Server,
    clock::TestClock,
    cluster::Cluster,
    eventually,
    server::{config, registration},
};

/// The new primary takes connections: the first call that writes succeeds within this time.
const RECOVERY: Duration = Duration::from_secs(2);

/// A server on a database of any URL.
async fn serve(url: &str, change: impl FnOnce(&mut Config, &mut Environment)) -> Server {
    replica(&Arc::new(Database::new(Backend::Sqlite).await), url, change).await
}

/// One of several: the master key is in the folder of `keeper`.
async fn replica(
    keeper: &Arc<Database>,
    url: &str,
    change: impl FnOnce(&mut Config, &mut Environment),
) -> Server {
    let mut config = config(keeper);
    config.database.url = url.to_owned();
    config.policy.address_rate = u32::MAX;
    let clock = TestClock::default();
    let mut environment = Environment {
        clock: clock.clock(),
        check_every: Duration::from_millis(20),
        ..Environment::default()
    };
    change(&mut config, &mut environment);
    Server::start_on(Arc::clone(keeper), &config, environment, clock).await
}

async fn becomes(server: &Server, wanted: ServingStatus) {
    eventually(&format!("{wanted:?}"), async || {
        let request = HealthCheckRequest { service: SERVICES[0].to_owned() };
        let health = HealthClient::new(server.channel.clone()).check(request).await;
        health.unwrap().into_inner().status() == wanted
    })
    .await;
}

/// A call that writes, by a caller who waits a second for its answer.
async fn write(auth: &AuthServiceClient<Channel>) -> Result<RegisterRequest, Status> {
    let request = registration(false);
    let mut call = Request::new(request.clone());
    call.set_timeout(Duration::from_secs(1));
    auth.clone().register(call).await?;
    Ok(request)
}

/// Callers that write again and again, and what became of it.
struct Callers {
    seen: Arc<Mutex<Seen>>,
    tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    failed: u32,
    acknowledged: Vec<String>,
    last_success: Option<Instant>,
    longest_gap: Duration,
}

impl Callers {
    fn start(server: &Server, callers: u32) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let (auth, seen) = (server.auth.clone(), Arc::clone(&seen));
            tasks.spawn(async move {
                loop {
                    let result = write(&auth).await;
                    seen.lock().await.note(result);
                    tokio::task::yield_now().await;
                }
            });
        }
        Self { seen, tasks }
    }

    /// Waits until some more calls have succeeded.
    async fn succeed(&self, more: usize) {
        let before = self.seen.lock().await.acknowledged.len();
        eventually("calls that succeed", async || {
            self.seen.lock().await.acknowledged.len() >= before + more
        })
        .await;
    }

    async fn stop(mut self) -> Seen {
        self.tasks.shutdown().await;
        std::mem::take(&mut *self.seen.lock().await)
    }
}

impl Seen {
    /// How many users were acknowledged that a server does not have.
    async fn lost(&self, cluster: &Cluster, server: &str) -> i64 {
        let names: Vec<_> = self.acknowledged.iter().map(|name| format!("'{name}'")).collect();
        let there = format!("SELECT COUNT(*) FROM users WHERE username IN ({})", names.join(","));
        i64::try_from(names.len()).unwrap() - cluster.number(server, &there).await
    }

    fn note(&mut self, result: Result<RegisterRequest, Status>) {
        let now = Instant::now();
        match result {
            Ok(request) => {
                self.acknowledged.push(request.username);
                let gap = self.last_success.map_or(Duration::ZERO, |last| now - last);
                self.longest_gap = self.longest_gap.max(gap);
                self.last_success = Some(now);
            }
            Err(_status) => self.failed += 1,
        }
    }
}
