//! The arguments of `cargo xtask storm`.

use std::{path::PathBuf, time::Duration};

use super::world::Kind;

const USAGE: &str = "usage: cargo xtask storm [restores|policies] [--watches N] [--seconds N] [--command PATH] [--json]";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) kind: Kind,
    pub(super) watches: usize,
    pub(super) time: Duration,
    /// The command under test, unless it is this project's.
    pub(super) command: Option<PathBuf>,
    pub(super) json: bool,
}

impl Options {
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self {
            kind: Kind::Restores,
            watches: 120,
            time: Duration::from_secs(45),
            command: None,
            json: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .ok_or_else(|| format!("{arg} needs a value\n{USAGE}"))
            };
            let number = |text: &String| {
                text.parse::<u32>()
                    .map_err(|_| format!("{arg} {text}: not a number\n{USAGE}"))
            };
            match arg.as_str() {
                "restores" => options.kind = Kind::Restores,
                "policies" => options.kind = Kind::Policies,
                "--watches" => options.watches = number(value()?)? as usize,
                "--seconds" => options.time = Duration::from_secs(number(value()?)?.into()),
                "--command" => options.command = Some(value()?.into()),
                "--json" => options.json = true,
                _ => return Err(format!("{arg} is unknown\n{USAGE}")),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_kind_and_the_numbers_are_read() {
        let options = parse(&["policies", "--watches", "3", "--seconds", "7", "--json"]).unwrap();
        assert_eq!((options.kind, options.watches), (Kind::Policies, 3));
        assert_eq!((options.time, options.json), (Duration::from_secs(7), true));
        assert_eq!(parse(&[]).unwrap().kind, Kind::Restores);
        for wrong in [&["snow"][..], &["--watches"], &["--watches", "x"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
