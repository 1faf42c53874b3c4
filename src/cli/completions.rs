//! Completion scripts of shells.

use clap::Command;
use clap_complete::Shell;

/// Changes bash's words before they are compared: one dash equals two, and a value may follow an equals sign, which is a
/// word of its own.
const BASH_WORDS: &str = r#"
    if [[ ${prev} == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    elif [[ ${cur} == "=" ]]; then
        cur=""
    fi
    if [[ ${prev} == -[a-z]?* ]]; then
        prev="-${prev}"
    fi
    if [[ ${cur} == -[a-z]?* ]]; then
        cur="-${cur}"
    fi
"#;

/// Returns the completion script of a shell.
pub(super) fn script(shell: Shell, definition: &mut Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, definition, "consul-watch", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    if shell != Shell::Bash {
        return script;
    }
    let commands: Vec<_> = definition
        .get_subcommands()
        .map(Command::get_name)
        .filter(|name| *name != "help")
        .collect();
    // The generator spells the dash of the name in two ways, so that nothing is completed behind a subcommand, and gives
    // `help` no commands.
    script
        .replace("consul__subcmd__watch", "consul__watch")
        .replace(
            "    prev=\"$3\"\n",
            &format!("    prev=\"$3\"\n{}", &BASH_WORDS[1..]),
        )
        .replace(
            "        consul__watch__subcmd__help)\n            opts=\"\"",
            &format!(
                "        consul__watch__subcmd__help)\n            opts=\"{}\"",
                commands.join(" ")
            ),
        )
}
