//! Go's spelling of options, which `consul watch` uses: `-type=key` equals `--type=key`.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

use super::values::go_boolean;

/// Returns the arguments with every long option in clap's spelling. The first argument that is no option ends
/// this: it and all that follow belong to the program to run.
pub(super) fn normalized(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let mut arguments = arguments.into_iter().peekable();
    let mut all: Vec<OsString> = arguments.next().into_iter().collect();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        if let Some(inner) = command.find_subcommand(&text).filter(|_| all.len() == 1) {
            // After a subcommand, options and values may come in any order.
            all.push(argument);
            all.extend(arguments.map(|argument| {
                if knows(inner, &argument) {
                    long(argument)
                } else {
                    argument
                }
            }));
            return all;
        }
        if !text.starts_with('-') || text == "-" || text == "--" {
            all.push(argument);
            break;
        }
        let mut argument = long(argument);
        match value_of(command, &argument) {
            Value::None => {}
            Value::Next => {
                all.push(argument);
                all.extend(arguments.next());
                continue;
            }
            // Consul's command always consumes the next argument here.
            Value::Boolean => {
                let boolean =
                    |next: &OsString| next.to_str().is_some_and(|next| go_boolean(next).is_some());
                if let Some(value) = arguments.next_if(boolean) {
                    argument.push("=");
                    argument.push(value);
                }
            }
        }
        all.push(argument);
    }
    all.extend(arguments);
    all
}

/// Adds the second dash to a long option that has one.
fn long(argument: OsString) -> OsString {
    match argument.to_str().and_then(|text| text.strip_prefix('-')) {
        Some(name) if name.len() > 1 && !name.starts_with('-') => format!("--{name}").into(),
        _ => argument,
    }
}

/// The value of an option that has no equals sign.
enum Value {
    None,
    Next,
    Boolean,
}

fn value_of(command: &Command, argument: &OsStr) -> Value {
    let name = argument
        .to_str()
        .and_then(|text| text.strip_prefix("--"))
        .filter(|name| !name.contains('='));
    match name.and_then(|name| {
        command
            .get_arguments()
            .find(|option| has_long(option, name))
    }) {
        Some(option) if option.get_long() == Some("passingonly") => Value::Boolean,
        Some(option) if option.get_action().takes_values() && !option.is_require_equals_set() => {
            Value::Next
        }
        _ => Value::None,
    }
}

/// Returns true if the option has this long name, or this alias.
fn has_long(option: &Arg, name: &str) -> bool {
    let is_alias = |aliases: Vec<&str>| aliases.contains(&name);
    option.get_long() == Some(name) || option.get_all_aliases().is_some_and(is_alias)
}

/// Returns true if the command, or one of its subcommands, has a long option of this name.
fn knows(command: &Command, argument: &OsStr) -> bool {
    let name = argument
        .to_str()
        .and_then(|text| text.strip_prefix('-'))
        .unwrap_or_default();
    let name = name.split_once('=').map_or(name, |(name, _)| name);
    command.get_arguments().any(|option| has_long(option, name))
        || command
            .get_subcommands()
            .any(|inner| knows(inner, argument))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser as _};

    use super::{super::arguments::Arguments, *};

    fn spelled(text: &str) -> String {
        let arguments = text.split(' ').map(OsString::from);
        let all = normalized(&Arguments::command(), arguments);
        all.iter()
            .map(|argument| argument.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn one_dash_equals_two() {
        assert_eq!(
            spelled("x -type=key --key foo cat"),
            "x --type=key --key foo cat"
        );
        assert_eq!(
            spelled("x -type key -key -odd cat -n"),
            "x --type key --key -odd cat -n"
        );
        assert_eq!(
            spelled("x -passingonly=true -stale -service web"),
            "x --passingonly=true --stale --service web"
        );
    }

    #[test]
    fn a_boolean_may_follow_its_option_as_with_consul() {
        assert_eq!(
            spelled("x -passingonly true cat"),
            "x --passingonly=true cat"
        );
        assert_eq!(spelled("x -passingonly cat"), "x --passingonly cat");
    }

    #[test]
    fn the_name_of_the_field_is_an_option_too() {
        let expected = "x --service_id web cat";
        assert_eq!(spelled("x -service_id web cat"), expected);
        let arguments = Arguments::try_parse_from(expected.split(' ')).unwrap();
        assert_eq!(arguments.watch.service_id.as_deref(), Some("web"));
    }

    #[test]
    fn unknown_options_are_left_to_clap() {
        assert_eq!(spelled("x -tpye=key"), "x --tpye=key");
        assert_eq!(spelled("x -h"), "x -h");
    }

    #[test]
    fn arguments_of_the_program_are_left_alone() {
        assert_eq!(
            spelled("x -type=key grep -key run"),
            "x --type=key grep -key run"
        );
        assert_eq!(spelled("x -type=key -- -key"), "x --type=key -- -key");
    }

    #[test]
    fn subcommands_accept_both_spellings() {
        assert_eq!(
            spelled("x kv get -http-addr=h:1 a"),
            "x kv get --http-addr=h:1 a"
        );
    }
}
