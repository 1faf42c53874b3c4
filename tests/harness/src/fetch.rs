//! Debian's `consul` package, fetched without root.
//!
//! The machine's apt does the work, in temporary directories: it knows the archive, the proxy and the keys, and it
//! checks the signatures. Nothing is installed, and no host is named here.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binary::{BinaryError, is_program};

/// The last Debian release with a Consul: version 1.8.7.
const SUITE: &str = "bullseye";

/// Debian's keys, if the machine has them apart from apt's.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];

/// Returns the path of the program that [`fetch`] leaves.
pub(crate) fn program(cache: &Path) -> PathBuf {
    cache.join(SUITE).join("usr/bin/consul")
}

/// Fetches the package into `cache` and returns the path of the program in it.
pub(crate) fn fetch(cache: &Path) -> Result<PathBuf, BinaryError> {
    fs::create_dir_all(cache).map_err(io(cache))?;
    // A `flock` ends with its process, however that ends.
    let lock_path = cache.join("lock");
    let lock = File::create(&lock_path).map_err(io(&lock_path))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|e| io(&lock_path)(e.into()))?;

    let program = program(cache);
    if is_program(&program) {
        return Ok(program);
    }
    let work = tempfile::Builder::new()
        .prefix("fetch-")
        .tempdir_in(cache)
        .map_err(io(cache))?;
    let mut last = BinaryError::NoArchive;
    for archive in archives()? {
        match download(work.path(), &archive) {
            Ok(unpacked) => {
                let home = cache.join(SUITE);
                // It holds no program, as checked above, and only the holder of the lock gets here.
                match fs::remove_dir_all(&home) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(io(&home)(error));
                    }
                    _ => {}
                }
                fs::rename(&unpacked, &home).map_err(io(&home))?;
                return Ok(program);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Returns the Debian archives that the machine's apt uses, the likeliest first.
fn archives() -> Result<Vec<String>, BinaryError> {
    let known = run(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
    ]))?;
    let found = from_targets(&known);
    if !found.is_empty() {
        return Ok(found);
    }
    // A machine that never ran `apt-get update` has sources, but no index targets yet.
    let sources = run(Command::new("apt-get").args(["update", "--print-uris"]))?;
    Ok(from_uris(&sources))
}

fn from_targets(lines: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in lines.lines() {
        if let Some(uri) = line.strip_prefix("Debian|Debian|")
            && !found.iter().any(|known| known == uri)
        {
            found.push(uri.to_owned());
        }
    }
    found
}

fn from_uris(lines: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in lines.lines() {
        let Some((uri, _)) = line.trim_start_matches('\'').split_once("dists/") else {
            continue;
        };
        if uri.contains("debian")
            && !uri.contains("security")
            && !found.iter().any(|known| known == uri)
        {
            found.push(uri.to_owned());
        }
    }
    found
}

fn download(work: &Path, archive: &str) -> Result<PathBuf, BinaryError> {
    for dir in ["lists/partial", "cache/archives/partial", "deb"] {
        let dir = work.join(dir);
        fs::create_dir_all(&dir).map_err(io(&dir))?;
    }
    let signed_by = KEYRINGS.iter().find(|keys| Path::new(keys).exists());
    let options = signed_by.map_or_else(String::new, |keys| format!("[signed-by={keys}] "));
    let sources = work.join("sources.list");
    fs::write(&sources, format!("deb {options}{archive} {SUITE} main\n")).map_err(io(&sources))?;
    let status = work.join("status");
    fs::write(&status, "").map_err(io(&status))?;

    run(apt(work).arg("update"))?;
    run(apt(work).args(["download", "consul"]))?;
    let downloads = work.join("deb");
    let package = fs::read_dir(&downloads)
        .map_err(io(&downloads))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .ok_or_else(|| failed("apt-get download consul", "it left no package"))?;
    let unpacked = work.join("unpacked");
    run(Command::new("dpkg").arg("-x").arg(&package).arg(&unpacked))?;
    if is_program(&unpacked.join("usr/bin/consul")) {
        Ok(unpacked)
    } else {
        Err(failed("dpkg -x", "the package holds no usr/bin/consul"))
    }
}

/// Returns an `apt-get` with separate lists, cache and sources, which needs no root and changes nothing.
fn apt(work: &Path) -> Command {
    let mut apt = Command::new("apt-get");
    apt.current_dir(work.join("deb")).arg("-q");
    let option = |name: &str, value: &Path| format!("{name}={}", value.display());
    for option in [
        option("Dir::Etc::SourceList", &work.join("sources.list")),
        option("Dir::Etc::SourceParts", Path::new("/dev/null")),
        option("Dir::State::Lists", &work.join("lists")),
        option("Dir::State::status", &work.join("status")),
        option("Dir::Cache", &work.join("cache")),
        "Acquire::Languages=none".to_owned(),
        "Acquire::Retries=3".to_owned(),
        // As root, apt would download as a user who may not write here.
        "APT::Sandbox::User=root".to_owned(),
        // A missing list is an error, not a warning.
        "APT::Update::Error-Mode=any".to_owned(),
    ] {
        apt.arg("-o").arg(option);
    }
    apt
}

/// Runs a command and returns its output; an error holds the end of its standard error.
fn run(command: &mut Command) -> Result<String, BinaryError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let what = command
        .get_args()
        .map(std::ffi::OsStr::to_string_lossy)
        .find(|arg| !arg.starts_with('-') && !arg.contains('='))
        .map_or_else(|| name.clone(), |verb| format!("{name} {verb}"));
    let output = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => failed(&what, &format!("this machine has no {name}")),
            _ => failed(&what, &error.to_string()),
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    Err(failed(
        &what,
        &lines[lines.len().saturating_sub(8)..].join("\n"),
    ))
}

fn failed(step: &str, reason: &str) -> BinaryError {
    BinaryError::Fetch {
        step: step.to_owned(),
        reason: reason.to_owned(),
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BinaryError + use<> {
    let path = path.to_owned();
    move |source| BinaryError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_archive_is_taken_once_and_no_other() {
        let lines = "Debian|Debian-Security|http://mirror.test/debian-security/\n\
                     Debian|Debian|http://mirror.test/debian/\n\
                     Debian|Debian|http://mirror.test/debian/\n\
                     . nodistro|. nodistro|https://other.test/node/\n";
        assert_eq!(from_targets(lines), ["http://mirror.test/debian/"]);
    }

    #[test]
    fn without_lists_the_archive_comes_from_the_sources() {
        let lines = "'http://mirror.test/debian/dists/trixie/InRelease' mirror.test_InRelease 0 \n\
                     'http://mirror.test/debian-security/dists/trixie-security/InRelease' x 0 \n\
                     'https://other.test/apt/dists/stable/InRelease' y 0 \n";
        assert_eq!(from_uris(lines), ["http://mirror.test/debian/"]);
    }

    #[test]
    fn the_error_of_a_command_names_it_and_holds_its_output() {
        let error = run(Command::new("sh").args(["-c", "echo broken >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("broken") && error.contains("set CONSUL_BIN or install consul"),
            "{error}"
        );
        let error = run(&mut Command::new("no-such-program-here"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("this machine has no no-such-program-here"),
            "{error}"
        );
    }
}
