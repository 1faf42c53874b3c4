//! Loopback ports that stay reserved.
//!
//! Another program may get a port that was bound to 0 and released, and a killed agent would lose its ports until it
//! is restarted. So the ports come in blocks from below the range that systems assign, and a file lock marks a block
//! as taken for the other test processes.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, flock};

/// Linux assigns 32768 and up, other systems 49152 and up.
const FIRST: u16 = 20_000;
const BLOCKS: u16 = 1_500;
const BLOCK: u16 = 8;

/// A block of ports, free again when dropped or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    _lock: File,
}

impl Ports {
    /// Reserves a block whose ports are all free.
    pub(crate) fn reserve() -> io::Result<Self> {
        static TURN: AtomicU32 = AtomicU32::new(0);
        // Per user: another user's files cannot be opened.
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

    /// Returns the address of the port at this place in the block.
    pub(crate) fn addr(&self, place: u16) -> SocketAddr {
        debug_assert!(place < BLOCK, "a block has {BLOCK} ports");
        (Ipv4Addr::LOCALHOST, self.first + place).into()
    }
}

/// Whether the port is free for TCP and UDP: Consul's gossip uses both.
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
    fn a_block_with_a_port_in_use_is_skipped() {
        let ports = Ports::reserve().unwrap();
        let _listener = TcpListener::bind(ports.addr(3)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        assert!(Ports::take(dir.path(), ports.first).unwrap().is_none());
    }
}
