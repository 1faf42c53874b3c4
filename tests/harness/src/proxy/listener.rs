//! The proxy's thread, which listens and spawns a task per connection.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::fault::{Cut, Refusal};
use super::relay;
use super::state::{Open, Shared};

/// The answer of Consul 1.16 to 1.22.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 81\r\n\
    Connection: close\r\n\r\n\
    Your IP is issuing too many concurrent connections, please rate limit your calls\n";

pub(super) enum Command {
    Listen,
    Refuse(Refusal),
    End,
}

type Order = (Command, mpsc::Sender<io::Result<()>>);

/// Sends commands to the thread, and waits until each is done.
pub(super) struct Commands(UnboundedSender<Order>);

impl Commands {
    pub(super) fn send(&self, command: Command) -> io::Result<()> {
        let (done, wait) = mpsc::channel();
        let gone = || io::Error::other("its thread has ended");
        self.0.send((command, done)).map_err(|_| gone())?;
        wait.recv().map_err(|_| gone())?
    }
}

pub(super) fn spawn(
    addr: SocketAddr,
    shared: Arc<Shared>,
) -> io::Result<(Commands, JoinHandle<()>)> {
    let (commands, orders) = unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let thread = thread::Builder::new()
        .name("fault-proxy".to_owned())
        .spawn(move || runtime.block_on(listen(addr, shared, orders)))?;
    Ok((Commands(commands), thread))
}

async fn listen(addr: SocketAddr, shared: Arc<Shared>, mut orders: UnboundedReceiver<Order>) {
    let mut listener = None;
    let mut refuses = None;
    loop {
        tokio::select! {
            // Orders first: after `refuse` has returned, no connection is accepted.
            biased;
            order = orders.recv() => {
                let Some((command, done)) = order else { return };
                let outcome = match command {
                    Command::End => return,
                    Command::Refuse(Refusal::Closed) => {
                        listener = None;
                        Ok(())
                    }
                    Command::Refuse(refusal) => {
                        refuses = Some(refusal);
                        open(&mut listener, addr).await
                    }
                    Command::Listen => {
                        refuses = None;
                        open(&mut listener, addr).await
                    }
                };
                // Fails only when the caller no longer waits.
                let _ = done.send(outcome);
            }
            Some(client) = accept(listener.as_ref()) => {
                let shared = Arc::clone(&shared);
                let open = shared.opened();
                match refuses {
                    None => {}
                    Some(Refusal::Limit) => {
                        tokio::spawn(refuse(client, open));
                        continue;
                    }
                    Some(Refusal::Reset | Refusal::Closed) => {
                        close(client, Cut::Reset).await;
                        continue;
                    }
                }
                tokio::spawn(async move {
                    let mut client = client;
                    let how = tokio::select! {
                        biased;
                        how = shared.cut_of(open.id) => how,
                        how = relay::relay(&mut client, &shared, open.id) => how,
                    };
                    close(client, how).await;
                    drop(open);
                });
            }
        }
    }
}

async fn open(listener: &mut Option<TcpListener>, addr: SocketAddr) -> io::Result<()> {
    if listener.is_none() {
        *listener = Some(TcpListener::bind(addr).await?);
    }
    Ok(())
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        // A client that has left is skipped.
        Some(listener) => listener.accept().await.ok().map(|(client, _)| client),
        None => std::future::pending().await,
    }
}

/// Answers as Consul does beyond its limit of connections. The request is read, so that the answer is not lost with a
/// reset.
async fn refuse(mut client: TcpStream, open: Open) {
    let mut request = [0; 4096];
    // Both fail only on a closed connection.
    let _ = client.write_all(TOO_MANY).await;
    let _ = client.read(&mut request).await;
    close(client, Cut::Fin).await;
    drop(open);
}

async fn close(mut client: TcpStream, how: Cut) {
    // Both fail only on a closed connection.
    match how {
        Cut::Reset => {
            let _ = client.set_zero_linger();
        }
        Cut::Fin => {
            let _ = client.shutdown().await;
        }
    }
}
