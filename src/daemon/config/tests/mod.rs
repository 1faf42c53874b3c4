//! Files that are accepted, and the issues of files that are refused.

mod files;
mod on_error;
mod payloads;
mod roots;
mod views;
mod watches;

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use crate::{
    client::ConsulConfig,
    daemon::config::{daemon_config::DaemonConfig, watch_spec::WatchSpec},
};

fn load_all(files: &[(&str, &str)]) -> Result<DaemonConfig, String> {
    let folder = TempDir::new().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, text)| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        })
        .collect();
    let loaded = DaemonConfig::load(&paths, &ConsulConfig::default());
    loaded.map_err(|errors| {
        errors
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

fn load(text: &str) -> Result<DaemonConfig, String> {
    load_all(&[("a.hcl", text)])
}

/// Returns the issues of a watch of a key that has these fields, on line 4.
fn errors(fields: &str) -> String {
    load(&format!(
        "watches {{\n type = \"key\"\n key = \"a\"\n {fields}\n}}"
    ))
    .unwrap_err()
}

fn only(text: &str) -> WatchSpec {
    load(text).unwrap().watches.remove(0)
}
