//! One address before several servers, as HAProxy or a virtual address is.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// What becomes of the connections there are when the address goes to another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They stay with the server they are to.
    Kept,
    /// They end (HAProxy: `on-marked-down shutdown-sessions`).
    Cut,
    /// Nothing comes or goes any more, and nobody is told: the node is gone.
    Silent,
}

/// A TCP port that leads to a Unix socket.
#[derive(Debug)]
pub struct Forwarder {
    pub address: SocketAddr,
    target: Arc<Mutex<Option<PathBuf>>>,
    fate: watch::Sender<Fate>,
    /// How many connections were not accepted.
    refused: Arc<AtomicUsize>,
}

impl Forwarder {
    pub async fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(Some(socket.to_owned())));
        let (fate, refused) = (watch::Sender::new(Fate::Kept), Arc::<AtomicUsize>::default());
        tokio::spawn(forward(
            listener,
            Arc::clone(&target),
            fate.subscribe(),
            Arc::clone(&refused),
        ));
        Self { address, target, fate, refused }
    }

    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// New connections go there from now on; nothing: none is accepted.
    pub fn switch(&self, to: Option<&Path>, fate: Fate) {
        *self.target.lock().unwrap() = to.map(Path::to_owned);
        self.fate.send_replace(fate);
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres?sslmode=disable", self.address)
    }
}

async fn forward(
    listener: TcpListener,
    target: Arc<Mutex<Option<PathBuf>>>,
    fate: watch::Receiver<Fate>,
    refused: Arc<AtomicUsize>,
) {
    // Until the forwarder is dropped.
    while fate.has_changed().is_ok() {
        let Ok((client, _)) = listener.accept().await else { return };
        let target = target.lock().unwrap().clone();
        let mut fate = fate.clone();
        fate.mark_unchanged();
        if let Some(target) = target {
            tokio::spawn(one(client, target, fate));
        } else {
            refused.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn one(mut client: TcpStream, target: PathBuf, mut fate: watch::Receiver<Fate>) {
    let Ok(mut server) = UnixStream::connect(target).await else { return };
    loop {
        tokio::select! {
            _ended = copy_bidirectional(&mut client, &mut server) => return,
            changed = fate.changed() => {
                let becomes = *fate.borrow_and_update();
                match becomes {
                    Fate::Kept if changed.is_ok() => {}
                    Fate::Silent if changed.is_ok() => {
                        // Held open until the test ends.
                        let _over = fate.wait_for(|_| false).await;
                        return;
                    }
                    Fate::Kept | Fate::Silent | Fate::Cut => return,
                }
            }
        }
    }
}
