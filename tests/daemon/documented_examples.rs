//! The examples of the documentation are valid configuration files.

use std::fs;

use consul_watch::daemon::{self, RunOptions};

use crate::fixture::Folder;

#[test]
fn every_example_is_valid() {
    let text = include_str!("../../docs/daemon.md");
    let folder = Folder::new();
    let mut found = 0;
    for (language, end) in [("hcl", "hcl"), ("json", "json")] {
        for (number, block) in text.split(&format!("```{language}\n")).skip(1).enumerate() {
            let example = block.split("```").next().unwrap();
            // The paths of the example do not exist on this machine.
            let example = example
                .replace(
                    "/var/lib/consul-watch/",
                    &format!("{}/", folder.path("").display()),
                )
                .replace(
                    "/etc/consul-watch/webhook.key",
                    &folder.path("key").display().to_string(),
                );
            fs::write(folder.path("key"), "a key").unwrap();
            let file = folder.path(&format!("{number}.{end}"));
            fs::write(&file, &example).unwrap();
            let checked = daemon::check(&[file], &RunOptions::default());
            let summary = checked.unwrap_or_else(|errors| panic!("{errors}\n{example}"));
            assert!(summary.watches() > 0);
            found += 1;
        }
    }
    assert!(found >= 2, "an example in each language, not {found}");
}
