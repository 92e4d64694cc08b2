//! Mails over a connection, with servers of all kinds. The clock is paused, so no test waits.

use std::time::Duration;

use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream, DuplexStream,
        duplex,
    },
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

use super::{
    Smtp, auth,
    connect::Wire,
    dialogue::Dialogue,
    error::{Error, Step},
    judge::{is_stale, judge},
    timeouts::Timeouts,
    transaction,
};
use crate::delivery::{
    FailureKind, Progress, SmtpUrl, Templates, Trust, endpoint::Login, mail::Mail,
};

const OFFER: &str = "250-test\r\n250 SMTPUTF8\r\n";
const DATA: [&str; 4] = ["250 yes\r\n", "250 yes\r\n", "354 go on\r\n", "250 it will arrive\r\n"];

fn mail(to: &str) -> Mail {
    let text = b"Subject: x\r\n\r\n.x\r\n".to_vec();
    Mail { from: "auth@example.com".into(), to: to.into(), text, secrets: vec!["bob".into()] }
}

/// A server's act after a command: it waits, says this, and hangs up or goes on.
#[derive(Clone)]
struct Act {
    after: u64,
    says: Vec<u8>,
    hangs_up: bool,
}

fn says(text: impl AsRef<[u8]>) -> Act {
    Act { after: 0, says: text.as_ref().to_vec(), hangs_up: false }
}

/// Plays a server: one act for each line that it hears, and in the mail for its final dot. Returns the lines.
async fn play(server: DuplexStream, acts: Vec<Act>) -> Vec<String> {
    let mut server = BufStream::new(server);
    let (mut heard, mut in_text) = (Vec::new(), false);
    for act in acts {
        loop {
            let mut line = String::new();
            if server.read_line(&mut line).await.unwrap_or(0) == 0 {
                return heard;
            }
            heard.push(line.trim_end().to_owned());
            if !in_text || line == ".\r\n" {
                break;
            }
        }
        in_text = heard.last().is_some_and(|line| line == "DATA");
        sleep(Duration::from_secs(act.after)).await;
        server.write_all(&act.says).await.unwrap();
        server.flush().await.unwrap();
        if act.hangs_up {
            return heard;
        }
    }
    // Reads to the end: a client that waits for more would wait for ever.
    let _rest = server.read_to_end(&mut Vec::new()).await;
    heard
}

/// Sends a mail to a server with these replies from EHLO on.
async fn send(to: &str, acts: Vec<Act>) -> (Result<(), Error>, Progress, Vec<String>) {
    let (client, server) = duplex(1 << 20);
    let progress = Progress::default();
    let sent = async {
        let mut server = Dialogue::new(client, Timeouts::RFC_5321);
        server.hello("me.example").await?;
        transaction::send(&mut server, &mail(to), &progress).await
    };
    let (sent, heard) = tokio::join!(sent, play(server, acts));
    (sent, progress, heard)
}

fn good() -> Vec<Act> {
    [OFFER].iter().chain(&DATA).map(says).collect()
}

#[tokio::test(start_paused = true)]
async fn a_mail_is_said_as_the_rfc_has_it() {
    let (sent, progress, heard) = send("bob@example.com", good()).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert!(progress.is_handed_over());
    let expected = [
        "EHLO me.example",
        "MAIL FROM:<auth@example.com>",
        "RCPT TO:<bob@example.com>",
        "DATA",
        "Subject: x",
        "",
        "..x",
        ".",
    ];
    assert_eq!(heard, expected);
}

/// The server of a reused connection may be gone without a word. Nothing was handed over, so a fresh one is tried.
#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_is_silent_is_given_up_after_ten_seconds() {
    let mut acts = good();
    acts[1].after = 3600;
    let (client, server) = duplex(1 << 20);
    let _server = tokio::spawn(play(server, acts));
    let mut server = Dialogue::new(client, Timeouts::RFC_5321);
    server.hello("me.example").await.unwrap();
    server.was_kept();
    let (begun, progress) = (Instant::now(), Progress::default());
    let late =
        transaction::send(&mut server, &mail("bob@example.com"), &progress).await.unwrap_err();
    assert!(is_stale(&late) && !progress.is_handed_over(), "{late}");
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_connection_that_is_used_again_has_the_time_of_one_that_was_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let smtp = Smtp::new(
        SmtpUrl::parse("smtp://127.0.0.1:25").unwrap(),
        "auth@example.com".parse().unwrap(),
        Templates::load(None).unwrap(),
        &Trust::default(),
    )
    .unwrap();
    smtp.keep(Dialogue::new(Wire::Left(wire), Timeouts::RFC_5321));
    let again = smtp.take().unwrap();
    assert_eq!(again.timeouts().mail, Timeouts::RFC_5321.mail_when_kept);
    assert!(smtp.take().is_none(), "whoever takes it owns it");
}

/// The server takes almost as long as it may, and not a second longer.
#[tokio::test(start_paused = true)]
async fn each_step_has_the_time_that_the_rfc_gives_it() {
    let limits = [300, 300, 300, 120, 600];
    let steps = [Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::End];
    for (place, (limit, step)) in limits.into_iter().zip(steps).enumerate() {
        let mut acts = good();
        acts[place].after = limit - 1;
        let (sent, ..) = send("bob@example.com", acts.clone()).await;
        assert!(sent.is_ok(), "{step}: {sent:?}");
        acts[place].after = limit + 1;
        let begun = Instant::now();
        let (client, server) = duplex(1 << 20);
        let _server = tokio::spawn(play(server, acts));
        let mut server = Dialogue::new(client, Timeouts::RFC_5321);
        let progress = Progress::default();
        let late = match server.hello("me.example").await {
            Ok(()) => transaction::send(&mut server, &mail("bob@example.com"), &progress).await,
            Err(error) => Err(error),
        };
        assert!(matches!(late, Err(Error::Late { step: at }) if at == step), "{step}: {late:?}");
        assert_eq!(begun.elapsed(), Duration::from_secs(limit), "{step}");
        assert_eq!(progress.is_handed_over(), step == Step::End, "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn odd_words_after_the_final_dot_are_understood_or_leave_it_open() {
    let long = format!("250 {}\r\n", "x".repeat(100_000));
    let lines = format!("{}250 end\r\n", "250-line\r\n".repeat(500));
    for accepted in
        ["250\r\n", "250 \r\n", "250 bare\n", "250-\r\n250\r\n", "200 odd\r\n", &long, &lines]
    {
        let mut acts = good();
        acts[4] = says(accepted);
        let (sent, ..) = send("bob@example.com", acts).await;
        assert!(sent.is_ok(), "{accepted:.20}: {sent:?}");
    }
    let mut acts = good();
    acts[4] = says(b"250 caf\xe9 \xff\r\n");
    assert!(send("bob@example.com", acts).await.0.is_ok());

    let endless = "250-x\r\n".repeat(200_000);
    for open in ["", "2", "250", "250 it will", "250-more\r\n", "ok\r\n", "354 more\r\n", &endless]
    {
        let mut acts = good();
        acts[4] = Act { hangs_up: true, ..says(open) };
        let (sent, progress, _) = send("bob@example.com", acts).await;
        let judged = judge(&sent.unwrap_err(), &mail("bob@example.com"));
        assert_eq!(judged.kind, FailureKind::Unknown, "{open:.20}: {judged:?}");
        assert!(progress.is_handed_over());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_before_the_final_dot_leaves_nothing_open() {
    for place in 0..4 {
        let mut acts = good();
        acts[place] = Act { hangs_up: true, ..says("") };
        let (sent, progress, _) = send("bob@example.com", acts).await;
        let judged = judge(&sent.unwrap_err(), &mail("bob@example.com"));
        assert_eq!(judged.kind, FailureKind::Away, "{place}: {judged:?}");
        assert!(!progress.is_handed_over());
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_not_ascii_needs_a_server_that_takes_it() {
    let (sent, _, heard) = send("bób@example.com", good()).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(heard[1], "MAIL FROM:<auth@example.com> SMTPUTF8");
    let mut acts = good();
    acts[0] = says("250 test\r\n");
    let (sent, _, heard) = send("bób@example.com", acts.clone()).await;
    let judged = judge(&sent.unwrap_err(), &mail("bób@example.com"));
    assert_eq!(judged.kind, FailureKind::Refused);
    assert_eq!(heard, ["EHLO me.example"]);
    assert!(send("bob@example.com", acts).await.0.is_ok());
}

/// Logs in to a server with that offer and these replies.
async fn log_in(offer: &str, replies: &[&str]) -> (Result<(), Error>, Vec<String>) {
    let (client, server) = duplex(1 << 20);
    let login = Login { user: "user".into(), password: "p@ss".to_owned().into() };
    let acts = [offer].iter().chain(replies).map(says).collect();
    let logged_in = async {
        let mut server = Dialogue::new(client, Timeouts::RFC_5321);
        server.hello("me.example").await?;
        auth::log_in(&mut server, &login).await
    };
    tokio::join!(logged_in, play(server, acts))
}

#[tokio::test(start_paused = true)]
async fn a_password_is_sent_in_the_way_that_both_sides_speak() {
    let (plain, heard) = log_in("250-test\r\n250 AUTH LOGIN PLAIN\r\n", &["235 hi\r\n"]).await;
    assert!(plain.is_ok(), "{plain:?}");
    // user, p@ss: RFC 4616.
    assert_eq!(heard[1..], ["AUTH PLAIN AHVzZXIAcEBzcw=="]);
    let replies = ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 hi\r\n"];
    let (login, heard) = log_in("250-test\r\n250 AUTH=LOGIN\r\n", &replies).await;
    assert!(login.is_ok(), "{login:?}");
    assert_eq!(heard[1..], ["AUTH LOGIN", "dXNlcg==", "cEBzcw=="]);
}

#[tokio::test(start_paused = true)]
async fn without_a_common_way_to_log_in_both_lists_are_named() {
    for (offer, offers) in [
        ("250-test\r\n250 AUTH GSSAPI CRAM-MD5\r\n", "it offers GSSAPI, CRAM-MD5"),
        ("250 test\r\n", "it offers no way"),
    ] {
        let (none, heard) = log_in(offer, &[]).await;
        let judged = judge(&none.unwrap_err(), &mail("bob@example.com"));
        let why =
            format!("the mail server: {offers} to log in, and this service speaks PLAIN and LOGIN");
        assert_eq!((judged.kind, judged.why), (FailureKind::Setup, why));
        assert_eq!(heard.len(), 1, "no password is sent");
    }
}
