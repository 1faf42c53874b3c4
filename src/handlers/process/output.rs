//! [`Output`]: the end of a program's output.

use std::fmt;

/// The destination of a program's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OutputTo {
    /// The program inherits stdout and stderr.
    #[default]
    Inherit,
    /// The log gets the last [`Output::KEPT`] bytes of both streams, in the order they were written.
    Log,
}

/// The end of a program's output, both streams in the order they were written.
///
/// It prints as Consul's agent logs it. If the beginning is missing, a line before it says how much.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    tail: Vec<u8>,
    total: u64,
}

impl Output {
    /// The number of bytes that are kept: 4 KiB, as many as Consul's agent keeps.
    pub const KEPT: usize = 4096;

    /// Returns the last bytes.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Returns the number of bytes that were printed in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether nothing was printed or kept.
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let bytes = &bytes[bytes.len().saturating_sub(Self::KEPT)..];
        let excess = (self.tail.len() + bytes.len()).saturating_sub(Self::KEPT);
        self.tail.drain(..excess);
        self.tail.extend_from_slice(bytes);
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.total > self.tail.len() as u64 {
            writeln!(
                f,
                "Captured {} of {} bytes\n...",
                self.tail.len(),
                self.total
            )?;
        }
        f.write_str(&String::from_utf8_lossy(&self.tail))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_last_bytes_are_kept(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6000), 0..6)) {
            let mut output = Output::default();
            for chunk in &chunks {
                output.push(chunk);
            }
            let all = chunks.concat();
            prop_assert_eq!(output.total(), all.len() as u64);
            prop_assert_eq!(output.tail(), &all[all.len().saturating_sub(Output::KEPT)..]);
        }
    }

    #[test]
    fn it_says_how_much_is_missing() {
        let mut output = Output::default();
        output.push(b"short");
        assert_eq!(output.to_string(), "short");
        output.push(&[b'x'; 5000]);
        assert!(
            output
                .to_string()
                .starts_with("Captured 4096 of 5005 bytes\n...\nxxx")
        );
    }
}
