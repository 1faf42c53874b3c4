//! Completion scripts of shells.

use clap::Command;
use clap_complete::Shell;

/// Returns the completion script of a shell.
pub(super) fn script(shell: Shell, definition: &mut Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, definition, "consul-watch", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    // For bash, the generator spells the dash of the name in two ways, so that nothing is completed behind a subcommand.
    script.replace("consul__subcmd__watch", "consul__watch")
}
