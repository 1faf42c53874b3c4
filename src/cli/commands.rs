//! Words that are no command, but a command would have been meant by them.

use std::ffi::OsString;

use clap::Command;

use super::arguments::WatchArguments;

/// A word in the place of a program that was meant as a command.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(
        "`{given}` is not a command: did you mean `{nearest}`? To run it as a program, add a watch with `--type`"
    )]
    Unknown { given: String, nearest: String },
    #[error(
        "the options of `{command}` go behind it: `{line}`. To run `{command}` as a program, add a watch with `--type`"
    )]
    Behind { command: String, line: String },
    #[error("`{word}` is a command of `consul`: {remedy}")]
    Consul {
        word: &'static str,
        remedy: &'static str,
    },
}

const OF_CONSUL: &[(&str, &str)] = &[
    (
        "watch",
        "`consul-watch` takes the place of both words; leave `watch` out, as in `consul-watch -type=key -key=app/a`",
    ),
    (
        "agent",
        "`consul-watch run CONFIG` runs the watches of an agent's configuration files",
    ),
    (
        "validate",
        "`consul-watch check CONFIG` checks configuration files",
    ),
];

/// Refuses a word that was meant as a command, which would otherwise be the program of a watch without a type. `given`
/// are the arguments in clap's spelling.
pub(super) fn refuse_misplaced(
    arguments: &WatchArguments,
    given: &[OsString],
    definition: &Command,
) -> Result<(), CommandError> {
    let first = arguments.program.first().and_then(|word| word.to_str());
    let Some(word) = first.filter(|_| arguments.kind.is_none()) else {
        return Ok(());
    };
    if let Some((word, remedy)) = OF_CONSUL.iter().find(|(name, _)| *name == word) {
        return Err(CommandError::Consul { word, remedy });
    }
    let nearest = definition
        .get_subcommands()
        .map(|command| (strsim::osa_distance(word, command.get_name()), command))
        // `cat` is no misspelled `man`.
        .filter(|(distance, command)| *distance <= (command.get_name().len() / 2).min(2))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((0, _)) => Err(CommandError::Behind {
            command: word.to_owned(),
            line: corrected(&arguments.program, given, definition),
        }),
        Some((_, command)) => Err(CommandError::Unknown {
            given: word.to_owned(),
            nearest: command.get_name().to_owned(),
        }),
        None => Ok(()),
    }
}

/// Returns the line with the options of the command behind it. What follows is left out: it may be a secret.
fn corrected(program: &[OsString], given: &[OsString], definition: &Command) -> String {
    let mut line = "consul-watch".to_owned();
    let mut command = definition;
    let mut rest = program.iter();
    while let Some(inner) = rest
        .as_slice()
        .first()
        .and_then(|word| command.find_subcommand(word))
    {
        line = line + " " + inner.get_name();
        command = inner;
        rest.next();
    }
    let options = given.len().saturating_sub(program.len());
    for option in given.iter().take(options).skip(1) {
        let text = option.to_string_lossy();
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        let known = command
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .any(|long| name.strip_prefix("--") == Some(long));
        if !known {
            continue;
        }
        line = line + " " + name;
        // A URL may hold a password.
        match value {
            "" => {}
            secret if name == "--token" || secret.contains('@') => line += "=…",
            value => line = line + "=" + value,
        }
    }
    if rest.len() > 0 {
        line += " …";
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{super::arguments::Arguments, *};

    fn refused(text: &str) -> String {
        let given: Vec<_> = text.split(' ').map(OsString::from).collect();
        let arguments = Arguments::try_parse_from(&given).unwrap().watch;
        refuse_misplaced(&arguments, &given, &Arguments::command())
            .map_or_else(|error| error.to_string(), |()| "a program".to_owned())
    }

    #[test]
    fn the_options_of_a_command_go_behind_it() {
        for (text, line) in [
            (
                "x --http-addr=127.0.0.1:8500 kv get a",
                "consul-watch kv get --http-addr=127.0.0.1:8500 …",
            ),
            (
                "x --stale --retry --token=hunter2 check a.hcl",
                "consul-watch check --stale --token=… …",
            ),
            (
                "x --http-addr=http://u:hunter2@h run",
                "consul-watch run --http-addr=…",
            ),
            ("x -- kv get", "consul-watch kv get"),
            ("x --once kv put a hunter2", "consul-watch kv put …"),
        ] {
            let text = refused(text);
            assert!(text.contains(&format!("`{line}`")), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn with_a_type_every_word_is_a_program() {
        for word in ["kv", "watch", "agent", "chekc"] {
            let text = format!("x --type=nodes {word}");
            assert_eq!(refused(&text), "a program");
        }
        assert_eq!(refused("x cat"), "a program");
    }
}
