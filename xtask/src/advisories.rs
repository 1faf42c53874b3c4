//! `cargo xtask advisories DIR`: known vulnerabilities of the dependencies, from a local copy of the database.
//!
//! `cargo deny check advisories` clones the database, for which it needs the open network. Here it is given
//! a repository made from the copy, and everything else as `deny.toml` says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo::cargo;

pub(crate) const USAGE: &str = "usage: cargo xtask advisories DIR
DIR is a copy of https://github.com/RustSec/advisory-db, with or without its history";

/// The address that `cargo deny` clones the database from.
const DATABASE: &str = "https://github.com/RustSec/advisory-db";

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let [folder] = args else {
        return Err(USAGE.to_owned());
    };
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    check(
        Path::new(folder),
        &root.join("Cargo.toml"),
        &root.join("target/advisories"),
    )
}

/// Checks the dependencies of a manifest against the advisories in `folder`. `work` is made anew.
fn check(folder: &Path, manifest: &Path, work: &Path) -> Result<(), String> {
    if !folder.join("crates").is_dir() {
        return Err(format!(
            "{} has no folder `crates`: it is no copy of the advisory database\n{USAGE}",
            folder.display()
        ));
    }
    if work.exists() {
        fs::remove_dir_all(work)
            .map_err(|error| format!("cannot empty {}: {error}", work.display()))?;
    }
    fs::create_dir_all(work).map_err(|error| format!("cannot make {}: {error}", work.display()))?;
    let work = work
        .canonicalize()
        .map_err(|error| format!("cannot find {}: {error}", work.display()))?;
    let repository = repository(folder, &work)?;
    let config = work.join("deny.toml");
    let rules = include_str!("../../deny.toml");
    fs::write(&config, with_database(rules, &work)?)
        .map_err(|error| format!("cannot write {}: {error}", config.display()))?;
    let mut deny = cargo();
    deny.args(["deny", "--all-features", "--manifest-path"])
        .arg(manifest)
        .arg("--config")
        .arg(&config)
        .args(["check", "advisories"])
        // git takes the copy where cargo deny asks for the original.
        .env("GIT_CONFIG_COUNT", "1")
        .env(
            "GIT_CONFIG_KEY_0",
            format!("url.file://{}.insteadOf", repository.display()),
        )
        .env("GIT_CONFIG_VALUE_0", DATABASE);
    succeed(
        &mut deny,
        "cargo deny check advisories (`.ci/run deny` installs cargo-deny)",
    )
}

/// Makes a repository of the copy as it is, without touching the copy.
fn repository(folder: &Path, work: &Path) -> Result<PathBuf, String> {
    let repository = work.join("database.git");
    let git = || {
        let mut git = Command::new("git");
        git.arg("--git-dir")
            .arg(&repository)
            .arg("--work-tree")
            .arg(folder);
        git.stdout(Stdio::null());
        git
    };
    succeed(
        git().args(["init", "--quiet", "--initial-branch=main"]),
        "git init",
    )?;
    // The copy's own history is not part of the advisories.
    succeed(git().args(["add", "--force", "--", "crates"]), "git add")?;
    let author = [
        "-c",
        "user.name=xtask",
        "-c",
        "user.email=xtask@localhost",
        "-c",
        "commit.gpgsign=false",
    ];
    succeed(
        git()
            .args(author)
            .args(["commit", "--quiet", "--no-verify", "--message=copy"]),
        "git commit",
    )?;
    Ok(repository)
}

/// Adds where the database is to the rules of `deny.toml`.
fn with_database(rules: &str, work: &Path) -> Result<String, String> {
    let section = "[advisories]\n";
    if !rules.contains(section) {
        return Err("deny.toml has no section [advisories]".to_owned());
    }
    let place = format!(
        "{section}db-path = {:?}\ndb-urls = [{DATABASE:?}]\ngit-fetch-with-cli = true\n",
        work.join("databases").display().to_string()
    );
    Ok(rules.replacen(section, &place, 1))
}

fn succeed(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| format!("cannot run {what}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what} failed ({status})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/advisories")
            .join(name)
    }

    fn check_fixture(database: &str) -> Result<(), String> {
        let work =
            std::env::temp_dir().join(format!("advisories-{database}-{}", std::process::id()));
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let outcome = check(&fixture(database), &manifest, &work);
        fs::remove_dir_all(&work).unwrap();
        outcome
    }

    #[test]
    fn refuses_what_is_no_database() {
        let refused = run(&[env!("CARGO_MANIFEST_DIR").to_owned()]);
        assert!(refused.is_err_and(|error| error.contains("no folder `crates`")));
        assert!(run(&[]).is_err());
    }

    #[test]
    fn keeps_the_rules_of_the_project() {
        let config = with_database("[advisories]\nignore = [\"A\"]\n", Path::new("/w")).unwrap();
        assert!(config.starts_with("[advisories]\ndb-path = \"/w/databases\"\n"));
        assert!(config.ends_with("ignore = [\"A\"]\n"));
        assert!(with_database("[bans]\n", Path::new("/w")).is_err());
    }

    /// The only tests that need cargo-deny, so `.ci/run deny` runs them.
    #[test]
    #[ignore = "needs cargo-deny"]
    fn reports_an_advisory_for_a_dependency_and_no_other() {
        assert_eq!(check_fixture("unrelated"), Ok(()));
        assert!(check_fixture("vulnerable").is_err_and(|error| error.contains("failed")));
    }
}
