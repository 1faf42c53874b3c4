//! The path of the Consul program.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::fetch;

/// The reason why there is no Consul to run.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// `CONSUL_BIN` names something that cannot be run.
    #[error(
        "CONSUL_BIN is {0}, which is not a program that can be run: correct it, or unset it to have Consul found"
    )]
    NotAProgram(PathBuf),
    /// A file or directory under `target/consul` could not be used.
    #[error("{path}: {source}: make it writable, or set CONSUL_BIN or install consul")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A step of fetching the package failed.
    #[error(
        "no Consul on this machine, and fetching Debian's package failed: {step}: {reason}\nset CONSUL_BIN or install consul"
    )]
    Fetch {
        /// The failed step, such as a command line.
        step: String,
        /// The end of its output.
        reason: String,
    },
    /// The machine's apt has no archive with the package.
    #[error(
        "no Consul on this machine, and its apt names no Debian archive to fetch it from (`apt-get indextargets` \
         shows none)\nset CONSUL_BIN or install consul"
    )]
    NoArchive,
}

/// Returns the Consul program: `CONSUL_BIN`, then `PATH`, then a copy fetched earlier, else Debian's package, which
/// it fetches into the target directory.
///
/// Many processes may call it at once: one of them fetches, and the others wait.
///
/// # Errors
///
/// A [`BinaryError`] with what to install.
pub fn consul() -> Result<PathBuf, BinaryError> {
    // Threads of one process wait for one search; a failed one is repeated.
    static FOUND: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut found = FOUND
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(path) = found.as_ref() {
        return Ok(path.clone());
    }
    let path = find(
        env::var_os("CONSUL_BIN").as_deref(),
        env::var_os("PATH").as_deref(),
        &target_dir().join("consul"),
    )?;
    Ok(found.insert(path).clone())
}

fn find(named: Option<&OsStr>, path: Option<&OsStr>, cache: &Path) -> Result<PathBuf, BinaryError> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if is_program(&named) {
            Ok(named)
        } else {
            Err(BinaryError::NotAProgram(named))
        };
    }
    if let Some(found) = path.and_then(on_path) {
        return Ok(found);
    }
    let cached = fetch::program(cache);
    if is_program(&cached) {
        Ok(cached)
    } else {
        fetch::fetch(cache)
    }
}

fn on_path(path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|dir| dir.join("consul"))
        .find(|program| is_program(program))
}

pub(crate) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Returns cargo's target directory, where `cargo clean` also removes a fetched Consul.
fn target_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    workspace.join(
        env::var_os("CARGO_TARGET_DIR")
            .filter(|dir| !dir.is_empty())
            .unwrap_or_else(|| "target".into()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(dir: &Path) -> PathBuf {
        let path = dir.join("consul");
        fs::create_dir_all(dir).unwrap();
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_environment_wins_over_path_and_path_over_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let named = program(&dir.path().join("named"));
        let installed = program(&dir.path().join("installed"));
        let cache = dir.path().join("cache");
        let cached = program(fetch::program(&cache).parent().unwrap());
        let path = installed.parent().map(Path::as_os_str);
        assert_eq!(find(Some(named.as_os_str()), path, &cache).unwrap(), named);
        assert_eq!(find(None, path, &cache).unwrap(), installed);
        assert_eq!(
            find(Some(OsStr::new("")), Some(OsStr::new("")), &cache).unwrap(),
            cached
        );
    }

    #[test]
    fn a_wrong_consul_bin_is_an_error_and_starts_no_search() {
        let dir = tempfile::tempdir().unwrap();
        let installed = program(dir.path());
        let plain = dir.path().join("plain");
        fs::write(&plain, "no program").unwrap();
        let error = find(
            Some(plain.as_os_str()),
            installed.parent().map(Path::as_os_str),
            dir.path(),
        )
        .unwrap_err();
        assert!(error.to_string().starts_with("CONSUL_BIN is "), "{error}");
    }
}
