//! A TCP port that leads to a Postgres server and notes the round trips: what a client sends before it waits for an answer.
//! Those of transactions are left out, and the tests of connections, which depend on the time since their last use.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy},
    net::{TcpListener, UnixStream},
};

/// The statements of the round trips, in their order, and what transactions began with.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<String>>>);

impl Wire {
    /// A port that leads to the database of `url`, and its URL there.
    pub async fn to(url: &str) -> (Self, String) {
        let (base, folder) = url.split_once("?host=").unwrap();
        let socket = PathBuf::from(folder).join(".s.PGSQL.5432");
        let database = base.rsplit('/').next().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let wire = Self::default();
        tokio::spawn(wire.clone().forward(listener, socket));
        (wire, format!("postgres://postgres@{address}/{database}?sslmode=disable"))
    }

    /// The statements since the last call of this.
    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// All that transactions have begun with.
    pub fn begins(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }

    async fn forward(self, listener: TcpListener, socket: PathBuf) {
        while let Ok((client, _)) = listener.accept().await {
            let (from_client, mut to_client) = client.into_split();
            let server = UnixStream::connect(&socket).await.unwrap();
            let (mut from_server, to_server) = server.into_split();
            tokio::spawn(self.clone().note(from_client, to_server));
            tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
        }
    }

    /// Until either side is gone: PostgreSQL's manual, 55.7, "Message Formats".
    async fn note(
        self,
        mut client: impl AsyncRead + Unpin,
        mut server: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        // The first message has no type.
        let startup = body(&mut client).await?;
        server.write_all(&startup).await?;
        let (mut prepared, mut in_transaction) = (HashMap::new(), false);
        let mut add = |statement: &[u8]| {
            let statement = String::from_utf8_lossy(statement);
            let ends = statement.starts_with("COMMIT") || statement.starts_with("ROLLBACK");
            if statement.starts_with("BEGIN") {
                self.1.lock().unwrap().push(statement.clone().into_owned());
            }
            in_transaction = statement.starts_with("BEGIN") || in_transaction && !ends;
            if !in_transaction && !ends && !statement.contains("SQLx ping") {
                self.0.lock().unwrap().push(statement.into_owned());
            }
        };
        loop {
            let kind = client.read_u8().await?;
            let message = body(&mut client).await?;
            let texts: Vec<_> = message[4..].split(|byte| *byte == 0).collect();
            match kind {
                // Parse. What keeps its name is sent once.
                b'P' => {
                    if texts[0].is_empty() {
                        add(texts[1]);
                    }
                    prepared.insert(texts[0].to_owned(), texts[1].to_owned());
                }
                // Bind: of a portal, to a statement.
                b'B' => add(prepared.get(texts[1]).unwrap()),
                b'Q' => add(texts[0]),
                _ => {}
            }
            server.write_u8(kind).await?;
            server.write_all(&message).await?;
        }
    }
}

/// A message after its type: the length, which counts itself, and the rest.
async fn body(client: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    client.read_exact(&mut message).await?;
    let length = u32::from_be_bytes([message[0], message[1], message[2], message[3]]);
    message.resize(usize::try_from(length).unwrap(), 0);
    client.read_exact(&mut message[4..]).await?;
    Ok(message)
}
