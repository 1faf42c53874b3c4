//! [`ProgramInput`]: the standard input of a program, made piece by piece as the program reads it.

use std::{fmt, io};

use tokio::{io::AsyncWriteExt, net::unix::pipe, process::ChildStdin};

/// The size of the first piece: what an empty pipe holds.
const FIRST_PIECE: usize = 64 * 1024;

/// The size that pieces grow to. Each piece writes the input again up to its own end, so that few are needed.
const MAX_PIECE: usize = 8 * 1024 * 1024;

type Write = dyn Fn(&mut dyn io::Write) -> io::Result<()>;

/// The input of a program. It holds the state and not its text, so that a program that reads nothing costs no
/// memory beyond the system's pipe.
pub(super) struct ProgramInput(Box<Write>);

impl ProgramInput {
    /// Creates the input that this function writes, the same each time that it is called.
    pub(super) fn new(write: impl Fn(&mut dyn io::Write) -> io::Result<()> + 'static) -> Self {
        Self(Box::new(write))
    }

    /// Creates an input without content.
    pub(super) fn empty() -> Self {
        Self::new(|_| Ok(()))
    }

    /// Creates the input that consists of these bytes.
    pub(super) fn bytes(bytes: Vec<u8>) -> Self {
        Self::new(move |out| out.write_all(&bytes))
    }

    /// Writes all of it.
    pub(super) fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        (self.0)(out)
    }

    /// Returns its first piece, which shows early whether it can be made.
    pub(super) fn first(&self) -> io::Result<Piece> {
        self.piece(0, FIRST_PIECE)
    }

    /// Returns `size` bytes from an offset, fewer at its end.
    fn piece(&self, from: usize, size: usize) -> io::Result<Piece> {
        let mut window = Window {
            skip: from,
            left: size,
            bytes: Vec::new(),
        };
        match self.write_to(&mut window) {
            Err(error) if window.left > 0 => Err(error),
            _ => Ok(Piece {
                is_last: window.left > 0,
                bytes: window.bytes,
            }),
        }
    }

    /// Writes it to the pipe of a child, each piece when the child has read the one before. The child may read
    /// all of it, a part or none.
    pub(super) async fn feed(self, first: Piece, stdin: Option<ChildStdin>) {
        let Some(pipe) = stdin.and_then(|stdin| stdin.into_owned_fd().ok()) else {
            return;
        };
        let Ok(mut pipe) = pipe::Sender::from_owned_fd(pipe) else {
            return;
        };
        let (mut from, mut size, mut piece) = (0, FIRST_PIECE, first);
        loop {
            // Fails as soon as no process holds the other end.
            if pipe.write_all(&piece.bytes).await.is_err() || piece.is_last {
                return;
            }
            (from, size) = (from + piece.bytes.len(), (size * 2).min(MAX_PIECE));
            drop(piece);
            if pipe.writable().await.is_err() {
                return;
            }
            piece = match self.piece(from, size) {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "the input of the program ends early: it cannot be written as JSON");
                    return;
                }
            };
        }
    }
}

impl fmt::Debug for ProgramInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgramInput")
    }
}

/// A part of an input.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Vec<u8>,
    is_last: bool,
}

/// A writer that keeps a part of what is written, and then refuses more.
struct Window {
    skip: usize,
    left: usize,
    bytes: Vec<u8>,
}

impl io::Write for Window {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        let kept = self.left.min(bytes.len() - skipped);
        self.bytes
            .extend_from_slice(&bytes[skipped..skipped + kept]);
        self.left -= kept;
        Ok(skipped + kept)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the input of these bytes, written in chunks of this size, and in pieces of that size.
    fn pieces(bytes: &[u8], chunk: usize, size: usize) -> Vec<Vec<u8>> {
        let (text, chunk) = (bytes.to_vec(), chunk.max(1));
        let input = ProgramInput::new(move |out| {
            text.chunks(chunk).try_for_each(|part| out.write_all(part))
        });
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let piece = input.piece(from, size).unwrap();
            from += piece.bytes.len();
            all.push(piece.bytes);
            if piece.is_last {
                return all;
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn the_pieces_are_the_whole(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), chunk in 1..50usize, size in 1..50usize) {
            let all = pieces(&bytes, chunk, size);
            proptest::prop_assert!(all.iter().all(|piece| piece.len() <= size));
            proptest::prop_assert_eq!(all.concat(), bytes);
        }
    }

    #[test]
    fn an_error_before_the_end_of_the_piece_is_reported() {
        let input = ProgramInput::new(|out| {
            out.write_all(&[b'x'; 10])?;
            Err(io::Error::other("no"))
        });
        assert!(input.piece(0, 10).is_ok(), "it ends before the error");
        assert!(input.piece(0, 11).is_err());
    }
}
