//! Callers that go away at any moment.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::Plan;
use crate::{
    client::{Answer, Callers, USERS},
    report::{Report, ms},
    server::Server,
};

const LOGINS: usize = 1000;

/// Less than a server that does a thousand logins would need.
const LONGEST: Duration = Duration::from_secs(3);

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    plan.say("cancel: a thousand logins that are given up");
    // A queue for all of them: one that is refused can't be cancelled.
    let server = Server::start(plan.cost, &["--hash-queue=1000"]).await?;
    let callers = Callers::connect(&server, 20, None).await?;
    let mut logins = JoinSet::new();
    for number in 0..LOGINS {
        let (callers, patience) = (callers.clone(), LONGEST.mul_f64(rand::rng().random()));
        // The timeout that is sent is far away: it is the caller's going that counts.
        let login = async move { callers.login_as_nobody(number, Duration::from_secs(30)).await };
        logins.spawn(timeout(patience, login));
    }
    sleep(LONGEST / 4).await;
    let waiting = server.figures().await?.password("queue_length")?;
    let (mut cancelled, mut done, mut refused) = (0, 0, 0);
    while let Some(login) = logins.join_next().await {
        match login? {
            Err(_elapsed) => cancelled += 1,
            Ok(Answer::Done) => done += 1,
            Ok(Answer::Refused(_)) => refused += 1,
        }
    }
    let gone = Instant::now();
    server.idle().await?;
    let (idle, hashes) = (gone.elapsed(), server.figures().await?.password("hashes_total")?);
    report.title(format!("Cancel: {LOGINS} logins, given up within {LONGEST:?}"));
    report.add("cancelled, done, refused", format!("{cancelled}, {done}, {refused}"));
    report.add("waiting after a quarter of the time", waiting.to_string());
    report.aim("queue and lanes at zero again after", ms(idle), "at once");
    // The others were registrations'.
    report
        .add("hashes done, and not taken", format!("{}", hashes - USERS as f64 - f64::from(done)));
    Ok(())
}
