//! The connections of a process.

use std::collections::HashSet;
use std::fs;

/// The state of an established connection in the kernel's table.
const ESTABLISHED: &str = "01";

/// Returns the number of connections of a process to this port.
pub(crate) fn connections_to(pid: u32, port: u16) -> Result<usize, String> {
    let read = |what: &str, error: std::io::Error| format!("/proc/{pid}/{what}: {error}");
    let files = fs::read_dir(format!("/proc/{pid}/fd")).map_err(|error| read("fd", error))?;
    let own: HashSet<String> = files
        .filter_map(|file| {
            let link = fs::read_link(file.ok()?.path()).ok()?;
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    // The table is that of all processes; a connection is identified by its inode.
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp"))
        .map_err(|error| read("net/tcp", error))?;
    Ok(table
        .lines()
        .skip(1)
        .filter(|line| inode(line, port).is_some_and(|inode| own.contains(inode)))
        .count())
}

/// Returns the inode of a line, if it is an established connection to this port.
fn inode(line: &str, port: u16) -> Option<&str> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, to) = fields.get(2)?.split_once(':')?;
    let fits = u16::from_str_radix(to, 16) == Ok(port) && *fields.get(3)? == ESTABLISHED;
    fits.then(|| fields.get(9).copied())?
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn counts_the_connections_of_a_process_to_a_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let count = || connections_to(std::process::id(), address.port()).unwrap();
        assert_eq!(count(), 0);
        let _open = TcpStream::connect(address).unwrap();
        assert_eq!(
            count(),
            1,
            "the listener itself does not count, nor its end of the connection"
        );
    }
}
