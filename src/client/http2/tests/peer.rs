//! A server that sends frames one by one.

use std::io;

use actix_rt::net::TcpStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::server::TlsStream;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const MAX_CONCURRENT_STREAMS: u8 = 3;
const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;

/// The server's side of one connection.
pub(super) struct Peer(TlsStream<TcpStream>);

impl Peer {
    /// Greets a client, which may use so many streams.
    pub(super) async fn greet(mut stream: TlsStream<TcpStream>, streams: u32) -> io::Result<Self> {
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await?;
        let mut peer = Self(stream);
        peer.allow(streams).await?;
        Ok(peer)
    }

    /// Allows so many streams from now on.
    pub(super) async fn allow(&mut self, streams: u32) -> io::Result<()> {
        let mut settings = vec![0, MAX_CONCURRENT_STREAMS];
        settings.extend(streams.to_be_bytes());
        self.send(SETTINGS, 0, 0, &settings).await
    }

    /// The stream of the next request.
    pub(super) async fn request(&mut self) -> io::Result<u32> {
        loop {
            let (kind, flags, stream, payload) = self.receive().await?;
            match kind {
                HEADERS => return Ok(stream),
                SETTINGS if flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]).await?,
                PING if flags & ACK == 0 => self.send(PING, ACK, 0, &payload).await?,
                _ => {}
            }
        }
    }

    pub(super) async fn answer(&mut self, stream: u32) -> io::Result<()> {
        const STATUS_200: u8 = 0x88;
        self.send(HEADERS, END_HEADERS, stream, &[STATUS_200])
            .await?;
        self.send(DATA, END_STREAM, stream, b"[]").await
    }

    /// Says that it has not begun with this request.
    pub(super) async fn refuse(&mut self, stream: u32) -> io::Result<()> {
        let reason = REFUSED_STREAM.to_be_bytes();
        self.send(RST_STREAM, 0, stream, &reason).await
    }

    /// Says that it answers nothing beyond this stream.
    pub(super) async fn leave_after(&mut self, stream: u32) -> io::Result<()> {
        let said = [stream.to_be_bytes(), NO_ERROR.to_be_bytes()].concat();
        self.send(GO_AWAY, 0, 0, &said).await
    }

    /// Answers nothing more, until the client leaves.
    pub(super) async fn hold(mut self) {
        while self.request().await.is_ok() {}
    }

    async fn receive(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length[1..]).await?;
        let (kind, flags) = (self.0.read_u8().await?, self.0.read_u8().await?);
        let stream = self.0.read_u32().await?;
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut payload).await?;
        Ok((kind, flags, stream, payload))
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame).await?;
        self.0.flush().await
    }
}
