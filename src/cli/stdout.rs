//! Standard output.

use std::io::{self, Write};

/// Writes to standard output. A reader that closes the pipe is no error.
pub(super) fn print<E: From<io::Error>>(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), E> {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
