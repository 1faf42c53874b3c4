//! The operand DATA: a text, `@file`, or `-` for standard input.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

use super::error::KvFailure;

/// Reads the data of an operand.
pub(super) fn read(operand: &OsString) -> Result<Vec<u8>, KvFailure> {
    match operand.as_bytes() {
        b"-" => {
            let mut all = Vec::new();
            io::stdin()
                .read_to_end(&mut all)
                .map_err(|error| failed("stdin", &reason(&error)))?;
            Ok(all)
        }
        [b'@', path @ ..] => of_file(Path::new(std::ffi::OsStr::from_bytes(path))),
        _ => Ok(operand.clone().into_vec()),
    }
}

fn of_file(path: &Path) -> Result<Vec<u8>, KvFailure> {
    let fail = |step: &str, error: &io::Error| {
        failed(
            "file",
            &format!("{step} {}: {}", path.display(), reason(error)),
        )
    };
    let mut file = File::open(path).map_err(|error| fail("open", &error))?;
    let mut all = Vec::new();
    file.read_to_end(&mut all)
        .map_err(|error| fail("read", &error))?;
    Ok(all)
}

fn failed(what: &str, reason: &str) -> KvFailure {
    KvFailure::Usage(format!("Error! Failed to read {what}: {reason}"))
}

/// Returns the system's text as Go writes it: in lower case, without the number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}
