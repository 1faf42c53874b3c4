//! The manual page.

use std::process::{Command, Stdio};

use crate::runner::{finished, ours, text};

#[test]
fn one_page_has_all_commands_with_their_options() {
    let page = text(&finished(&mut ours(), ["man"]).stdout);
    for part in [
        ".SH COMMANDS",
        ".SS \"consul\\-watch run [OPTIONS] <CONFIG>...\"",
        ".SS \"consul\\-watch check [OPTIONS] <CONFIG>...\"",
        ".SS \"consul\\-watch kv import",
        "\\-\\-modify\\-index",
        "\\-\\-separator",
        ".SH \"EXAMPLES\"",
        ".SH \"EXIT STATUS\"",
        "The options of CONNECTION TO CONSUL",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Nothing generates such pages.
    for part in ["consul\\-watch\\-run", "EXTRA", "Exit status:"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    let title = page.lines().filter(|line| line.starts_with(".TH")).count();
    assert_eq!(title, 1);
}

/// Where this machine has `man`: it understands every line.
#[test]
fn the_page_is_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("consul-watch.1");
    std::fs::write(&file, finished(&mut ours(), ["man"]).stdout).unwrap();
    let mut groff = Command::new("groff");
    let groff = groff
        .args(["-man", "-Tutf8", "-ww", "-z"])
        .arg(&file)
        .stdin(Stdio::null())
        .output();
    match groff {
        Ok(output) => assert_eq!(text(&output.stderr), ""),
        Err(error) => eprintln!("groff is not on this machine, so the page is not read: {error}"),
    }
}
