//! A mail server, in this process, that does as little of RFC 5321 as a client needs, and fails when it is told to.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::eventually;

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It accepts what it gets.
    Good,
    /// It hangs up, on whoever is connected too.
    Down,
    /// It accepts connections and says nothing, until it is in another mood.
    Silent,
    /// It answers this to every recipient.
    Refusing(&'static str),
    /// It answers this to every mail, when it has all of it.
    Rejecting(&'static str),
    /// It takes every mail, and says nothing to its end until it is in another mood.
    Slow,
    /// It takes every mail, says this to its end, without a line end, and hangs up.
    Cutting(&'static str),
    /// It answers this to every command of that name.
    Answering(&'static str, &'static str),
    /// It answers this to the next command of that name, or hangs up where this is empty, and is good then.
    Once(&'static str, &'static str),
}

/// How the server encrypts.
#[derive(Clone)]
pub enum Tls {
    None,
    /// From the first byte.
    Always(TlsAcceptor),
    /// When it is asked to.
    Offered(TlsAcceptor),
    /// When it is asked to; but in plaintext this line follows its reply, in the same write.
    Injected(TlsAcceptor, &'static str),
}

/// A mail that was accepted.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    /// Headers and bodies, as they came.
    pub text: String,
}

impl Mail {
    /// The code of a login, from the text.
    pub fn code(&self) -> String {
        let (_, rest) = self.text.split_once("your code is ").unwrap();
        rest.split('.').next().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let (headers, _) = self.text.split_once("\n\n").unwrap();
        headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[derive(Debug, Default)]
struct Seen {
    mails: Vec<Mail>,
    /// Each command, and whether it came encrypted.
    commands: Vec<(String, bool)>,
    connections: usize,
}

/// A mail server. It ends when this is dropped.
#[derive(Debug)]
pub struct MailServer {
    pub port: u16,
    mood: watch::Sender<Mood>,
    seen: Arc<Mutex<Seen>>,
    _accepting: AbortOnDropHandle<()>,
}

impl MailServer {
    pub async fn start(tls: Tls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mood, in_mood) = watch::channel(Mood::Good);
        let seen = Arc::<Mutex<Seen>>::default();
        let again = mood.clone();
        let session = Session { tls, mood: in_mood, again, seen: Arc::clone(&seen) };
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(session.clone().run(stream));
            }
        });
        Self { port, mood, seen, _accepting: AbortOnDropHandle::new(accepting) }
    }

    pub fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.seen.lock().unwrap().mails.clone()
    }

    pub fn commands(&self) -> Vec<(String, bool)> {
        self.seen.lock().unwrap().commands.clone()
    }

    /// Waits until so many connections were accepted, all in all.
    pub async fn connections(&self, number: usize) {
        eventually("connections", async || self.seen.lock().unwrap().connections >= number).await;
    }

    /// Waits until there are so many mails.
    pub async fn wait_for(&self, number: usize) -> Vec<Mail> {
        eventually("mails", async || self.mails().len() >= number).await;
        self.mails()
    }
}

/// What every connection shares.
#[derive(Clone)]
struct Session {
    tls: Tls,
    mood: watch::Receiver<Mood>,
    again: watch::Sender<Mood>,
    seen: Arc<Mutex<Seen>>,
}

impl Session {
    async fn run(mut self, stream: TcpStream) {
        self.seen.lock().unwrap().connections += 1;
        let mut mood = self.mood.clone();
        // What goes wrong is the client's to notice.
        let talk = async {
            let _spoken = self.wait_for(|mood| mood != Mood::Silent).await;
            let _ended = self.talk(stream).await;
        };
        tokio::select! {
            () = talk => {}
            _ = mood.wait_for(|mood| *mood == Mood::Down) => {}
        }
    }

    async fn wait_for(
        &mut self,
        right: impl Fn(Mood) -> bool,
    ) -> Result<(), watch::error::RecvError> {
        self.mood.wait_for(|mood| right(*mood)).await.map(|_| ())
    }

    async fn talk(&self, stream: TcpStream) -> io::Result<()> {
        match &self.tls {
            Tls::None => self.dialogue(&mut BufStream::new(stream), false).await.map(|_| ()),
            Tls::Always(tls) => {
                let mut stream = BufStream::new(tls.accept(stream).await?);
                self.dialogue(&mut stream, true).await.map(|_| ())
            }
            Tls::Offered(tls) | Tls::Injected(tls, _) => {
                let mut clear = BufStream::new(stream);
                if !self.dialogue(&mut clear, false).await? {
                    return Ok(());
                }
                let mut stream = BufStream::new(tls.accept(clear.into_inner()).await?);
                self.commands(&mut stream, true).await.map(|_| ())
            }
        }
    }

    /// Returns whether the client wants TLS.
    async fn dialogue<S>(&self, stream: &mut BufStream<S>, encrypted: bool) -> io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        say(stream, "220 test").await?;
        self.commands(stream, encrypted).await
    }

    async fn commands<S>(&self, stream: &mut BufStream<S>, encrypted: bool) -> io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut to = String::new();
        loop {
            let Some(line) = hear(stream).await? else { return Ok(false) };
            self.seen.lock().unwrap().commands.push((line.clone(), encrypted));
            let mood = *self.mood.borrow();
            let offers = matches!(self.tls, Tls::Offered(_) | Tls::Injected(..));
            let offer = offers && !encrypted;
            let word = line.split([' ', ':']).next().unwrap();
            match (word, mood) {
                (word, Mood::Answering(to, answer)) if word == to => say(stream, answer).await?,
                (word, Mood::Once(to, answer)) if word == to => {
                    self.again.send_replace(Mood::Good);
                    if answer.is_empty() {
                        return Ok(false);
                    }
                    say(stream, answer).await?;
                    if answer.starts_with("421") {
                        return Ok(false);
                    }
                }
                ("EHLO", _) if offer => {
                    say(stream, "250-test\r\n250-SMTPUTF8\r\n250 STARTTLS").await?
                }
                ("EHLO", _) => {
                    say(stream, "250-test\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n250 AUTH PLAIN")
                        .await?;
                }
                ("STARTTLS", _) => {
                    let extra = match self.tls {
                        Tls::Injected(_, line) => format!("\r\n{line}"),
                        Tls::None | Tls::Always(_) | Tls::Offered(_) => String::new(),
                    };
                    say(stream, &format!("220 go ahead{extra}")).await?;
                    return Ok(true);
                }
                ("RCPT", Mood::Refusing(answer)) => say(stream, answer).await?,
                ("RCPT", _) => {
                    to = line.trim_start_matches("RCPT TO:<").trim_end_matches('>').to_owned();
                    say(stream, "250 yes").await?;
                }
                ("DATA", _) if !self.data(stream, &to, mood).await? => return Ok(false),
                ("DATA", _) => {}
                ("AUTH", _) => say(stream, "235 welcome").await?,
                ("QUIT", _) => {
                    say(stream, "221 bye").await?;
                    return Ok(false);
                }
                _ => say(stream, "250 yes").await?,
            }
        }
    }

    /// Takes a mail. Returns whether the connection goes on.
    async fn data<S>(&self, stream: &mut BufStream<S>, to: &str, mood: Mood) -> io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        say(stream, "354 speak").await?;
        let mut text = String::new();
        while let Some(line) = hear(stream).await?.filter(|line| line != ".") {
            text += &line;
            text.push('\n');
        }
        if let Mood::Rejecting(answer) = mood {
            say(stream, answer).await?;
            return Ok(true);
        }
        self.seen.lock().unwrap().mails.push(Mail { to: to.to_owned(), text });
        if let Mood::Cutting(words) = mood {
            stream.write_all(words.as_bytes()).await?;
            stream.flush().await?;
            return Ok(false);
        }
        let mut mood = self.mood.clone();
        let _spoken = mood.wait_for(|mood| *mood != Mood::Slow).await.map(drop);
        say(stream, "250 it will arrive").await?;
        Ok(true)
    }
}

async fn say<S: AsyncWrite + AsyncRead + Unpin>(
    stream: &mut BufStream<S>,
    text: &str,
) -> io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}

async fn hear<S: AsyncWrite + AsyncRead + Unpin>(
    stream: &mut BufStream<S>,
) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}
