//! A daemon that may have too few descriptors or threads says so, and does not panic.

use rustix::process::getuid;

use crate::{
    binary::Binary,
    fixture::{Folder, consul, key},
};

/// Runs the daemon below this program, and returns what it says.
fn refused(program: &[&str]) -> String {
    let folder = Folder::new();
    // Nobody answers there, and nothing is asked.
    let file = folder.configure(&format!(
        "{}{}",
        consul("http://127.0.0.1:1"),
        key("a", "true", "")
    ));
    let line = [
        env!("CARGO_BIN_EXE_consul-watch"),
        "run",
        file.to_str().unwrap(),
    ];
    let mut daemon = Binary::spawn(&folder, &[program, &line].concat());
    assert_eq!(daemon.ended().code(), Some(1), "{program:?}");
    let log = daemon.log();
    assert!(!log.contains("panicked"), "{program:?}: {log}");
    log
}

#[test]
fn too_few_descriptors_are_named_with_their_limit() {
    for limit in ["6", "8", "12", "16", "20"] {
        let log = refused(&["prlimit", &format!("--nofile={limit}:{limit}")]);
        let limit = format!("may have {limit}, ");
        assert!(
            log.contains("LimitNOFILE=") && log.contains(&limit),
            "{log}"
        );
    }
}

#[test]
fn too_few_threads_are_named() {
    // The limit does not apply to root.
    let other_user = [
        "setpriv",
        "--reuid=65529",
        "--regid=65529",
        "--clear-groups",
    ];
    let other_user = if getuid().is_root() {
        &other_user[..]
    } else {
        &[]
    };
    for limit in ["1", "2", "3"] {
        let limit = format!("--nproc={limit}:{limit}");
        let log = refused(&[other_user, &["prlimit", &limit]].concat());
        assert!(log.contains("TasksMax="), "{log}");
    }
}
