//! One connection: requests one way, responses and their faults the other.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fault::{Canned, Cut, ResponseFault};
use super::state::{SeenRequest, Shared};
use super::wire::{Body, Head};

/// Beyond this a peer that sends out of turn is not read any more.
const AHEAD: usize = 1024 * 1024;

/// Forwards until either side ends or a fault does; returns the way to close the client's connection.
pub(super) async fn relay(client: &mut TcpStream, shared: &Shared, id: u64) -> Cut {
    // The proxy must not add delays to what a test measures.
    let _ = client.set_nodelay(true);
    let client = Peer::new(client);
    let ended = if shared.raw {
        raw(client, shared).await
    } else {
        http(client, shared, id).await
    };
    // An error means that one side is gone: the other has to see a broken connection, not an orderly end.
    ended.unwrap_or(Cut::Reset)
}

async fn connect(shared: &Shared) -> io::Result<Peer<TcpStream>> {
    let stream = TcpStream::connect(shared.upstream).await?;
    stream.set_nodelay(true)?;
    Ok(Peer::new(stream))
}

async fn raw(mut client: Peer<&mut TcpStream>, shared: &Shared) -> io::Result<Cut> {
    let mut upstream = connect(shared).await?;
    loop {
        let gone = tokio::select! {
            read = client.fill() => read? == 0,
            read = upstream.fill() => read? == 0,
        };
        if !client.buffer.is_empty() || !upstream.buffer.is_empty() {
            client.wait(shared.gate()).await?;
        }
        let (up, down) = (client.buffer.len(), upstream.buffer.len());
        upstream.stream.write_all(&client.buffer).await?;
        client.stream.write_all(&upstream.buffer).await?;
        client.buffer.clear();
        upstream.buffer.clear();
        shared.sent(down, up);
        if gone {
            return Ok(Cut::Fin);
        }
    }
}

async fn http(mut client: Peer<&mut TcpStream>, shared: &Shared, id: u64) -> io::Result<Cut> {
    let mut upstream: Option<Peer<TcpStream>> = None;
    loop {
        let request = loop {
            if let Some(head) = Head::take(&mut client.buffer)? {
                break head;
            }
            let gone = tokio::select! {
                read = client.fill() => read? == 0,
                () = gone(upstream.as_mut()) => true,
            };
            if gone {
                return Ok(Cut::Fin);
            }
        };
        let (method, target) = (request.word(0).to_owned(), request.word(1).to_owned());
        let headers = request.headers().to_vec();
        shared.request(SeenRequest {
            method: method.clone(),
            target: target.clone(),
            headers,
            connection: id,
        });
        client.wait(shared.gate()).await?;

        let replace = shared.fault(&target, |fault| matches!(fault, ResponseFault::Replace(_)));
        if let Some(ResponseFault::Replace(canned)) = replace {
            let mut body = request.body_of_request()?;
            while client.take(&mut body).await?.is_some() {}
            answer(&mut client, shared, &canned, &method).await?;
            continue;
        }

        let up = match &mut upstream {
            Some(up) => up,
            None => upstream.insert(connect(shared).await?),
        };
        let mut bytes = request.encode();
        let mut body = request.body_of_request()?;
        loop {
            up.stream.write_all(&bytes).await?;
            shared.sent(0, bytes.len());
            let Some(more) = client.take(&mut body).await? else {
                break;
            };
            client.wait(shared.gate()).await?;
            bytes = more;
        }
        let timeout = shared.fault(&target, |fault| {
            matches!(fault, ResponseFault::Timeout { .. })
        });
        if let Some(ResponseFault::Timeout { after, reply }) = timeout
            && up.buffer.is_empty()
        {
            let Ok(read) = tokio::time::timeout(after, client.wait(up.fill())).await else {
                upstream = None;
                answer(&mut client, shared, &reply, &method).await?;
                continue;
            };
            if read?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if let Some(how) = respond(&mut client, up, shared, &method, &target).await? {
            return Ok(how);
        }
    }
}

/// Forwards one response; returns the way to close the connection if it ends.
async fn respond(
    client: &mut Peer<&mut TcpStream>,
    up: &mut Peer<TcpStream>,
    shared: &Shared,
    method: &str,
    target: &str,
) -> io::Result<Option<Cut>> {
    let mut head = loop {
        match Head::take(&mut up.buffer)? {
            Some(head) if head.is_interim() => client.send(shared, &head.encode(), None).await?,
            Some(head) => break head,
            None if client.wait(up.fill()).await?? == 0 => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            None => {}
        }
    };
    let mut body = head.body_of_response(method)?;
    let (mut limit, mut drip) = (None, None);
    match shared.fault(target, |_| true) {
        Some(ResponseFault::Replace(canned)) => {
            while client.wait(up.take(&mut body)).await??.is_some() {}
            answer(client, shared, &canned, method).await?;
            return Ok(None);
        }
        Some(ResponseFault::CutBody { after, how }) => limit = Some((after, Some(how))),
        Some(ResponseFault::Stall { after }) => limit = Some((after, None)),
        Some(ResponseFault::Drip { bytes, every }) => drip = Some((bytes, every)),
        Some(ResponseFault::SetHeader { name, value }) => head.set(&name, &value),
        Some(ResponseFault::DropHeader(name)) => head.remove(&name),
        Some(ResponseFault::Timeout { .. }) | None => {}
    }
    let closes = head.closes() || body == Body::ToTheEnd;
    client.send(shared, &head.encode(), drip).await?;
    while let Some(bytes) = client.wait(up.take(&mut body)).await?? {
        let passes = limit.map_or(bytes.len(), |(left, _)| bytes.len().min(left));
        client.send(shared, &bytes[..passes], drip).await?;
        if let Some((left, how)) = &mut limit {
            *left -= passes;
            if *left == 0 {
                return match how {
                    Some(how) => Ok(Some(*how)),
                    None => client.wait(pending()).await,
                };
            }
        }
    }
    Ok(closes.then_some(Cut::Fin))
}

async fn answer(
    client: &mut Peer<&mut TcpStream>,
    shared: &Shared,
    canned: &Canned,
    method: &str,
) -> io::Result<()> {
    client
        .send(shared, &canned.encode(method != "HEAD"), None)
        .await
}

/// Comes when the other side closes; out of turn there is nothing else to hear from it.
async fn gone<S: AsyncRead + Unpin>(peer: Option<&mut Peer<S>>) {
    let Some(peer) = peer else {
        return pending().await;
    };
    loop {
        if peer.buffer.len() > AHEAD {
            pending::<()>().await;
        }
        // An error is an end as well.
        if peer.fill().await.unwrap_or(0) == 0 {
            return;
        }
    }
}

/// A side of the connection, and what it has sent that is not forwarded yet.
struct Peer<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Peer<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Reads what is there; 0 is the end. Nothing is lost when it is dropped before it is ready.
    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(16 * 1024);
        self.stream.read_buf(&mut self.buffer).await
    }

    /// The next bytes of a body, `None` at its end.
    async fn take(&mut self, body: &mut Body) -> io::Result<Option<Vec<u8>>> {
        while *body != Body::Done {
            let bytes = body.take(&mut self.buffer)?;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
            if self.fill().await? == 0 {
                return if *body == Body::ToTheEnd {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
        Ok(None)
    }
}

impl Peer<&mut TcpStream> {
    /// Waits for something else; an error if this side closes meanwhile, so that an abandoned request is
    /// abandoned upstream too.
    async fn wait<T>(&mut self, other: impl Future<Output = T>) -> io::Result<T> {
        tokio::select! {
            biased;
            value = other => Ok(value),
            () = gone(Some(self)) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Sends, in pieces if so told, when bytes may flow.
    async fn send(
        &mut self,
        shared: &Shared,
        bytes: &[u8],
        drip: Option<(usize, Duration)>,
    ) -> io::Result<()> {
        let (size, every) = drip.unwrap_or((bytes.len(), Duration::ZERO));
        for piece in bytes.chunks(size.max(1)) {
            if !every.is_zero() {
                self.wait(tokio::time::sleep(every)).await?;
            }
            self.wait(shared.gate()).await?;
            self.stream.write_all(piece).await?;
            shared.sent(piece.len(), 0);
        }
        Ok(())
    }
}
