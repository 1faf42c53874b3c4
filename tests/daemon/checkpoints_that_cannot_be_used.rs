//! Files that are no checkpoint of their watch: they stop no other watch, and no file of something else is replaced.

use std::{fs, os::unix::fs::symlink};

use consul_watch::{ConsulConfig, daemon::DaemonConfig};

use crate::fixture::{Folder, key};

/// Returns the errors of a configuration; empty without any.
fn errors(folder: &Folder, text: &str) -> String {
    let loaded = DaemonConfig::load(&[folder.configure(text)], &ConsulConfig::default());
    loaded
        .err()
        .map(|errors| errors.to_string())
        .unwrap_or_default()
}

#[test]
fn two_watches_cannot_share_a_file_however_it_is_spelled() {
    let folder = Folder::new();
    fs::create_dir(folder.path("real")).unwrap();
    symlink(folder.path("real"), folder.path("link")).unwrap();
    let here = std::env::current_dir().unwrap();
    let watch = |name: &str, path: &str| key(name, "true", &format!("checkpoint = \"{path}\""));
    let at = |name: &str| folder.path(name).display().to_string();
    for (one, other) in [
        ("seen".to_owned(), "./seen".to_owned()),
        ("seen".to_owned(), here.join("seen").display().to_string()),
        (at("real/seen"), at("link/seen")),
        (at("real/seen"), at("real/../real/seen")),
    ] {
        let text = format!("{}{}", watch("a", &one), watch("b", &other));
        let errors = errors(&folder, &text);
        assert!(
            errors.contains("already belongs to the watch at"),
            "{one} and {other}: {errors}"
        );
    }
}
