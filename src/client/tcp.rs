//! TCP connections to a host: its addresses are tried in turn, and the kernel notices a dead peer.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, sleep_until},
};

/// The time that an address has before the next one is tried beside it: the recommendation of "happy eyeballs"
/// (<https://www.rfc-editor.org/rfc/rfc8305#section-5>).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// The time without a byte after which the kernel probes the peer, and the interval of its probes (ours): many
/// firewalls forget a connection after a minute of silence, and a held query is silent for minutes.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// A connection that could not be made.
#[derive(Debug)]
pub(crate) enum TcpError {
    /// The host is unknown.
    Resolve(io::Error),
    /// None of its addresses accepted.
    Connect(io::Error),
}

/// Connects to the first address of the host that accepts, without a limit of time.
pub(crate) async fn connect(host: &str, port: u16) -> Result<TcpStream, TcpError> {
    let addresses = lookup_host((host, port)).await.map_err(TcpError::Resolve)?;
    let addresses = interleaved(addresses.collect());
    if addresses.is_empty() {
        let none = io::Error::other("the name has no addresses");
        return Err(TcpError::Resolve(none));
    }
    let stream = first(addresses).await.map_err(TcpError::Connect)?;
    prepare(&stream).map_err(TcpError::Connect)?;
    Ok(stream)
}

/// Connects to these addresses, each a moment after the last, and returns the first connection that is made.
async fn first(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = None;
    loop {
        let next = addresses.next();
        let more = next.is_some();
        attempts.extend(next.map(TcpStream::connect));
        let until = Instant::now() + NEXT_ADDRESS_AFTER;
        tokio::select! {
            attempt = attempts.next() => match attempt {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => failure = Some(error),
                None => return Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
            },
            () = sleep_until(until), if more => {}
        }
    }
}

/// Returns the addresses with the two families in turn, so that a network without IPv6 costs one of them only.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(preferred) = addresses.first().map(SocketAddr::is_ipv6) else {
        return addresses;
    };
    let (one, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == preferred);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut both = Vec::new();
    loop {
        let pair = [one.next(), other.next()];
        if pair.iter().all(Option::is_none) {
            return both;
        }
        both.extend(pair.into_iter().flatten());
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Small requests must not wait for the acknowledgement of the last one.
    stream.set_nodelay(true)?;
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_AFTER)
        .with_interval(KEEP_ALIVE_INTERVAL);
    SockRef::from(stream).set_tcp_keepalive(&keep_alive)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use socket2::{Domain, Socket, Type};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_families_take_turns() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        let expected = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"];
        assert_eq!(interleaved(given), addresses(&expected));
        assert_eq!(interleaved(Vec::new()), []);
    }

    /// An address whose queue of connections is full, so that it answers none.
    fn silent() -> (Socket, SocketAddr, Vec<std::net::TcpStream>) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let brief = Duration::from_millis(100);
        let mut taken = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, brief) {
            taken.push(stream);
        }
        (socket, address, taken)
    }

    #[actix_rt::test]
    async fn a_silent_address_delays_the_next_by_a_moment() {
        let (_socket, silent, _taken) = silent();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let there = listener.local_addr().unwrap();
        let stream = tokio::time::timeout(Duration::from_secs(20), first(vec![silent, there]));
        let stream = stream.await.expect("not the silent one's time").unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
    }

    #[actix_rt::test]
    async fn the_last_error_is_returned_when_none_accepts() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        let error = first(vec![closed, closed]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[actix_rt::test]
    async fn a_connection_keeps_itself_alive() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = connect("127.0.0.1", port).await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEP_ALIVE_AFTER);
        assert!(stream.nodelay().unwrap());
    }
}
