//! The contender's side of the line protocol.

use std::io::{self, BufRead, Read, Write};
use std::process;
use std::thread;

use super::Watched;
use crate::measure::monotonic_ns;

/// Parses a contender's arguments: the watched key or prefix, and the agent's address.
pub(super) fn arguments<'a>(args: &[&'a str]) -> Result<(Watched<'a>, &'a str), String> {
    match args {
        ["key", address, name] => Ok((Watched::Key(name), address)),
        ["prefix", address, name] => Ok((Watched::Prefix(name), address)),
        _ => Err("usage: key|prefix HOST:PORT NAME".to_owned()),
    }
}

/// Prints `idle`, waits for `go`, and ends the process when its input ends.
pub(super) fn wait_for_go() -> Result<(), String> {
    print_line("idle");
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| format!("standard input: {error}"))?;
    if line.trim() != "go" {
        return Err("the input ended before the line go".to_owned());
    }
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        process::exit(0);
    });
    Ok(())
}

/// Reports that a value was handled at this time of the monotonic clock.
pub(super) fn seen(value: &[u8], at: u64) {
    print_line(&format!("seen {} {at}", sequence(value)));
}

/// Returns the number that a value begins with.
fn sequence(value: &[u8]) -> u64 {
    value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Prints one line in one write. A failure is ignored: when the reader is gone, the input ends and so does the process.
fn print_line(line: &str) {
    let mut out = io::stdout().lock();
    let _ = out
        .write_all(format!("{line}\n").as_bytes())
        .and_then(|()| out.flush());
}

pub(super) fn now() -> u64 {
    monotonic_ns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_ends_where_its_digits_do() {
        assert_eq!(
            (sequence(b"407"), sequence(b"12 xxx"), sequence(b"")),
            (407, 12, 0)
        );
    }
}
