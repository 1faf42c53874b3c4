//! Options that have no effect with, or without, a program.

use super::arguments::{OutputFormat, PayloadFormat, WatchArguments};

const NO_PROGRAM: &str = "there is no program";

/// Logs the options of a program where there is none, and those of the output where there is one.
pub(super) fn warn_of_unused(arguments: &WatchArguments) {
    for (option, reason) in unused(arguments) {
        tracing::warn!(option, "option ignored: {reason}");
    }
}

fn unused(arguments: &WatchArguments) -> Vec<(&'static str, &'static str)> {
    if !arguments.program.is_empty() {
        let reason = "the program has the output; `--payload` sets the format of its input";
        let is_unused = arguments.format == OutputFormat::Jsonl;
        return is_unused
            .then_some(("--format", reason))
            .into_iter()
            .collect();
    }
    [
        ("--payload", arguments.payload == PayloadFormat::Changes),
        ("--timeout", arguments.timeout.is_some()),
        ("--shell", !arguments.shell),
        ("--inherit-token", !arguments.inherit_token),
    ]
    .into_iter()
    .filter_map(|(option, is_unused)| is_unused.then_some((option, NO_PROGRAM)))
    .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{super::arguments::Arguments, *};

    #[test]
    fn options_without_an_effect_are_named() {
        let of = |text: &str| {
            let words = format!("x --type=key --key=a {text}");
            let words = words.split_whitespace();
            let arguments = Arguments::try_parse_from(words).unwrap().watch;
            let unused = unused(&arguments).into_iter();
            unused.map(|(option, _)| option).collect::<Vec<_>>()
        };
        assert_eq!(of("--payload=changes"), ["--payload"]);
        assert_eq!(of("--timeout=5s --shell=false"), ["--timeout", "--shell"]);
        assert_eq!(of("--inherit-token=false"), ["--inherit-token"]);
        assert_eq!(of("--format=jsonl cat"), ["--format"]);
        assert!(of("--format=jsonl").is_empty());
        assert!(of("--payload=changes --timeout=5s --shell=false cat").is_empty());
        assert!(of("--retry --quiet-period=1s").is_empty());
    }
}
