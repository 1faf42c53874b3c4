//! Loopback ports that stay one's own.
//!
//! A port that is bound to 0 and released again may be given to anybody before it is used, and a killed agent
//! would lose its own until it is back. So the ports come from below the range that systems hand out by
//! themselves, in blocks, and a lock on a file tells the other test processes which blocks are taken.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, flock};

/// Linux hands out 32768 and up, other systems 49152 and up.
const FIRST: u16 = 20_000;
const BLOCKS: u16 = 1_500;
const BLOCK: u16 = 8;

/// A block of ports, free for others again when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    _lock: File,
}

impl Ports {
    /// Takes a block of which every port is free now.
    pub(crate) fn reserve() -> io::Result<Self> {
        static TURN: AtomicU32 = AtomicU32::new(0);
        // By user: another one's files could not be opened.
        let dir = env::temp_dir().join(format!(
            "consul-watch-ports-{}",
            rustix::process::getuid().as_raw()
        ));
        fs::create_dir_all(&dir)?;
        let turn = process::id()
            .wrapping_mul(7)
            .wrapping_add(TURN.fetch_add(1, Ordering::Relaxed));
        for step in 0..BLOCKS {
            // Always below BLOCKS, so it fits.
            #[allow(clippy::cast_possible_truncation)]
            let block = (turn.wrapping_add(u32::from(step)) % u32::from(BLOCKS)) as u16;
            if let Some(ports) = Self::take(&dir, FIRST + block * BLOCK)? {
                return Ok(ports);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!(
                "every port from {FIRST} to {} is taken",
                FIRST + BLOCKS * BLOCK - 1
            ),
        ))
    }

    fn take(dir: &Path, first: u16) -> io::Result<Option<Self>> {
        let lock = File::create(dir.join(first.to_string()))?;
        let free = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
            && (first..first + BLOCK).all(is_free);
        Ok(free.then_some(Self { first, _lock: lock }))
    }

    /// The address of the port with this place in the block.
    pub(crate) fn addr(&self, place: u16) -> SocketAddr {
        debug_assert!(place < BLOCK, "a block has {BLOCK} ports");
        (Ipv4Addr::LOCALHOST, self.first + place).into()
    }
}

/// Free for both: Consul's gossip uses TCP and UDP.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reservations_share_no_port_and_a_dropped_one_is_free_again() {
        let one = Ports::reserve().unwrap();
        let other = Ports::reserve().unwrap();
        assert_ne!(one.first, other.first);
        assert!(one.addr(0).port() % BLOCK == FIRST % BLOCK);

        let dir = tempfile::tempdir().unwrap();
        let first = one.first;
        let held = Ports::take(dir.path(), first).unwrap().unwrap();
        assert!(Ports::take(dir.path(), first).unwrap().is_none());
        drop(held);
        assert!(Ports::take(dir.path(), first).unwrap().is_some());
    }

    #[test]
    fn a_block_with_a_port_in_use_is_passed_over() {
        let ports = Ports::reserve().unwrap();
        let _listener = TcpListener::bind(ports.addr(3)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        assert!(Ports::take(dir.path(), ports.first).unwrap().is_none());
    }
}
