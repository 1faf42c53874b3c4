//! [`TlsConnector`]: TLS connections for awc and for HTTP/2.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use actix_rt::net::{ActixStream, Ready, TcpStream};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::{
    tcp::{self, TcpError},
    tls_client::TlsClient,
    tls_error::TlsError,
};

/// A connection that could not be made.
#[derive(Debug)]
pub(crate) enum TlsConnectError {
    /// The host is unknown.
    Resolve(io::Error),
    /// The host is known, but connecting or the TLS handshake failed.
    Connect(io::Error),
}

impl From<TlsConnectError> for actix_tls::connect::ConnectError {
    fn from(error: TlsConnectError) -> Self {
        match error {
            TlsConnectError::Resolve(source) => Self::Resolver(Box::new(source)),
            TlsConnectError::Connect(source) => Self::Io(source),
        }
    }
}

/// Makes TLS connections to one host.
#[derive(Debug, Clone)]
pub(crate) struct TlsConnector {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsClient,
}

/// The protocols that the handshake offers (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlpnOffer {
    Http1,
    Http2OrHttp1,
}

/// A TLS connection.
///
/// A peer that refuses our certificate under TLS 1.3 reports that after the handshake, and closes. Where writing
/// fails for that, the error is the peer's alert and not the closed connection.
pub(crate) struct SecureStream {
    stream: TlsStream<TcpStream>,
    /// The error of writing, until the peer's last message is read.
    broken: Option<io::Error>,
    alert: PeerAlert,
}

/// The alert by which the peer has ended a connection, if it has. HTTP/2 keeps no more of an error than its kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeerAlert(Arc<OnceLock<rustls::Error>>);

impl PeerAlert {
    /// Returns the alert as an error.
    pub(crate) fn error(&self) -> Option<io::Error> {
        let alert = self.0.get()?.clone();
        Some(io::Error::new(io::ErrorKind::InvalidData, alert))
    }

    /// Notes the alert, if this error is one.
    fn note(&self, error: &io::Error) {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        if let Some(alert @ rustls::Error::AlertReceived(_)) = cause {
            // The first one is the reason.
            let _ = self.0.set(alert.clone());
        }
    }
}

impl TlsConnector {
    pub(crate) fn new(tls: &TlsClient, (host, port): (&str, u16)) -> Result<Self, TlsError> {
        Ok(Self {
            host: host.to_owned(),
            port,
            name: tls.name_of(host)?,
            tls: tls.clone(),
        })
    }

    /// The configuration, which its clones share.
    pub(crate) fn tls(&self) -> &TlsClient {
        &self.tls
    }

    /// Connects and performs the handshake, without a limit of time.
    pub(crate) async fn connect(&self, offer: AlpnOffer) -> Result<SecureStream, TlsConnectError> {
        let stream = self.connect_tcp().await?;
        let handshakes = self.tls.handshakes();
        let config = match offer {
            AlpnOffer::Http1 => handshakes.http1,
            AlpnOffer::Http2OrHttp1 => handshakes.any,
        };
        let secure = tokio_rustls::TlsConnector::from(config)
            .connect(self.name.clone(), stream)
            .await;
        secure
            .map(|stream| SecureStream {
                stream,
                broken: None,
                alert: PeerAlert::default(),
            })
            .map_err(TlsConnectError::Connect)
    }

    async fn connect_tcp(&self) -> Result<TcpStream, TlsConnectError> {
        tcp::connect(&self.host, self.port)
            .await
            .map_err(|error| match error {
                TcpError::Resolve(source) => TlsConnectError::Resolve(source),
                TcpError::Connect(source) => TlsConnectError::Connect(source),
            })
    }
}

impl SecureStream {
    /// The alert of the peer, which it may send later.
    pub(crate) fn alert(&self) -> PeerAlert {
        self.alert.clone()
    }

    /// Whether the server has chosen HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.stream.get_ref().1.alpn_protocol() == Some(b"h2")
    }
}

impl SecureStream {
    /// Writes, or returns the reason for which that is no longer possible.
    fn write<T>(
        &mut self,
        task: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TlsStream<TcpStream>>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.broken.is_none() {
            match write(Pin::new(&mut self.stream), task) {
                Poll::Ready(Err(error)) => self.broken = Some(error),
                outcome => return outcome,
            }
        }
        // A connection that cannot be written to can be read to its end without a wait.
        let mut scratch = [0; 64];
        let said =
            ready!(Pin::new(&mut self.stream).poll_read(task, &mut ReadBuf::new(&mut scratch)));
        if let Err(error) = &said {
            self.alert.note(error);
        }
        let broken = self
            .broken
            .take()
            .unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
        Poll::Ready(Err(said
            .err()
            .filter(|said| said.kind() == io::ErrorKind::InvalidData)
            .unwrap_or(broken)))
    }
}

impl fmt::Debug for SecureStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureStream")
            .field("http2", &self.is_http2())
            .finish_non_exhaustive()
    }
}

impl AsyncRead for SecureStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(task, into));
        Poll::Ready(read.inspect_err(|error| self.alert.note(error)))
    }
}

impl AsyncWrite for SecureStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(task, |stream, task| stream.poll_write(task, from))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(task, |stream, task| stream.poll_write_vectored(task, from))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(task, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

impl ActixStream for SecureStream {
    fn poll_read_ready(&self, task: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(self.stream.get_ref().0, task)
    }

    fn poll_write_ready(&self, task: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(self.stream.get_ref().0, task)
    }
}
