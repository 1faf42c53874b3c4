//! Options as `consul watch` spells them: `-type=key` and `--type=key` are the same.

use std::ffi::{OsStr, OsString};

use clap::Command;

/// The arguments with every long option in clap's spelling, up to the first that is no option: what
/// follows belongs to the program that is to be run.
pub(super) fn normalized(command: &Command, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut all: Vec<OsString> = arguments.next().into_iter().collect();
    let mut command = command;
    while let Some(argument) = arguments.next() {
        let Some(text) = argument.to_str().map(str::to_owned) else {
            all.push(argument);
            break;
        };
        if let Some(inner) = command.find_subcommand(&text).filter(|_| all.len() == 1) {
            // Below a subcommand options and values may come in any order.
            all.push(argument);
            all.extend(arguments.map(|argument| long(inner, argument)));
            return all;
        }
        if !text.starts_with('-') || text == "-" || text == "--" {
            all.push(argument);
            break;
        }
        let argument = long(command, argument);
        let takes_next = takes_next(command, &argument);
        all.push(argument);
        if takes_next {
            all.extend(arguments.next());
        }
        command = command.get_subcommands().next().map_or(command, |_| command);
    }
    all.extend(arguments);
    all
}

/// The option with two dashes, if it is one of the command's long options with one.
fn long(command: &Command, argument: OsString) -> OsString {
    let Some(name) = argument.to_str().and_then(|text| text.strip_prefix('-')) else { return argument };
    if name.starts_with('-') || option(command, name).is_none() {
        return argument;
    }
    format!("--{name}").into()
}

/// Whether the option's value is the next argument.
fn takes_next(command: &Command, argument: &OsStr) -> bool {
    let Some(name) = argument.to_str().and_then(|text| text.strip_prefix("--")) else { return false };
    !name.contains('=')
        && option(command, name)
            .is_some_and(|option| option.get_action().takes_values() && !option.is_require_equals_set())
}

fn option<'c>(command: &'c Command, text: &str) -> Option<&'c clap::Arg> {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    command.get_arguments().find(|option| {
        option.get_long() == Some(name) || option.get_all_aliases().unwrap_or_default().contains(&name)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{super::arguments::Arguments, *};

    fn spelled(text: &str) -> String {
        let arguments = text.split(' ').map(OsString::from);
        let all = normalized(&Arguments::command(), arguments);
        all.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        assert_eq!(spelled("x -type=key --key foo cat"), "x --type=key --key foo cat");
        assert_eq!(spelled("x -type key -key -odd cat -n"), "x --type key --key -odd cat -n");
        assert_eq!(
            spelled("x -passingonly=true -stale -service web"),
            "x --passingonly=true --stale --service web"
        );
    }

    #[test]
    fn what_belongs_to_the_program_is_left_alone() {
        assert_eq!(spelled("x -type=key grep -key run"), "x --type=key grep -key run");
        assert_eq!(spelled("x -type=key -- -key"), "x --type=key -- -key");
    }

    #[test]
    fn subcommands_have_both_spellings_too() {
        assert_eq!(spelled("x kv get -http-addr=h:1 a"), "x kv get --http-addr=h:1 a");
    }
}
