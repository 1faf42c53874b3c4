//! Go's spelling and rules of options, which Consul's commands have: `-type=key` equals `--type=key`, the last of
//! repeated options counts, and options end at the first operand.

use std::{
    any::TypeId,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use clap::{Arg, ArgAction, Command};

use super::values::go_boolean;

/// Arguments in clap's spelling, and those that were left out of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Normalized {
    pub(super) arguments: Vec<OsString>,
    /// Names of options whose value is an empty text, as of a variable of the shell that is not set.
    pub(super) empty: Vec<String>,
    /// Names of options that a later one of the same name replaced.
    pub(super) replaced: Vec<String>,
    /// Names of options that need a text in UTF-8 and have another.
    pub(super) not_utf8: Vec<String>,
}

/// Returns the arguments with every option in clap's spelling and at most once. In the commands that Consul has, the
/// first operand ends this: it and all that follow are operands.
pub(super) fn normalized(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Normalized {
    let mut arguments = arguments.into_iter().peekable();
    let mut given = Given::default();
    given.push(None, arguments.next().unwrap_or_default());
    let (mut command, mut is_first, mut depth) = (command, true, 0);
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        if is_first && let Some(inner) = command.find_subcommand(&text) {
            given.push(None, argument);
            (command, depth) = (inner, depth + 1);
            continue;
        }
        is_first = false;
        let is_operand = !text.starts_with('-') || text == "-";
        if is_operand && depth == 1 {
            // Options of our own commands may follow their operands.
            given.push(None, argument);
            continue;
        }
        if is_operand || text == "--" {
            if depth == 2 && is_operand {
                given.push(None, "--".into());
            }
            given.push(None, argument);
            break;
        }
        let (name, mut value) = split(&argument);
        let Some(option) = option(command, &name) else {
            given.push(None, spelled(&name, value.as_deref()));
            continue;
        };
        let name = option.get_long().unwrap_or_default().to_owned();
        let takes_next = option.get_action().takes_values() && !option.is_require_equals_set();
        if value.is_none() && takes_next {
            value = arguments.next();
        }
        if value.is_none() && name == "passingonly" {
            // Consul's command always takes the next argument here.
            let is_boolean = |next: &OsString| {
                next.is_empty() || next.to_str().is_some_and(|next| go_boolean(next).is_some())
            };
            value = arguments.next_if(is_boolean);
        }
        let repeats = matches!(option.get_action(), ArgAction::Append);
        let is_text = takes_next || name == "passingonly";
        if !repeats && given.remove(&name) {
            given.replaced.push(name.clone());
        }
        // An empty separator has a meaning, and an empty number is an error.
        let may_be_empty = is_text && name != "separator" && !is_number(option);
        if may_be_empty && value.as_ref().is_some_and(|value| value.is_empty()) {
            given.empty.push(name);
            continue;
        }
        if value.as_ref().is_some_and(|value| value.to_str().is_none()) && !is_path(option) {
            given.not_utf8.push(name.clone());
        }
        let argument = spelled(&name, value.as_deref());
        given.push(Some(name), argument);
    }
    given.arguments.extend(arguments.map(|last| (None, last)));
    given.done()
}

/// The arguments so far, options with their names.
#[derive(Default)]
struct Given {
    arguments: Vec<(Option<String>, OsString)>,
    empty: Vec<String>,
    replaced: Vec<String>,
    not_utf8: Vec<String>,
}

impl Given {
    fn push(&mut self, name: Option<String>, argument: OsString) {
        self.arguments.push((name, argument));
    }

    /// Removes an option that was given before, and returns whether it was.
    fn remove(&mut self, name: &str) -> bool {
        let (all, empty) = (self.arguments.len(), self.empty.len());
        self.arguments
            .retain(|(given, _)| given.as_deref() != Some(name));
        self.empty.retain(|given| given != name);
        self.not_utf8.retain(|given| given != name);
        self.arguments.len() < all || self.empty.len() < empty
    }

    fn done(self) -> Normalized {
        let arguments = self.arguments.into_iter();
        Normalized {
            arguments: arguments.map(|(_, argument)| argument).collect(),
            empty: self.empty,
            replaced: self.replaced,
            not_utf8: self.not_utf8,
        }
    }
}

/// Splits an option into its dashes and name, the latter with two dashes if it is a long one, and its value.
fn split(argument: &OsStr) -> (String, Option<OsString>) {
    let bytes = argument.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b'=');
    let name = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned();
    let value = end.map(|end| OsString::from_vec(bytes[end + 1..].to_vec()));
    let long = name
        .strip_prefix('-')
        .filter(|rest| rest.len() > 1 && !rest.starts_with('-'))
        .map(|rest| format!("--{rest}"));
    (long.unwrap_or(name), value)
}

/// Returns an option with its value in one argument, so that a value may begin with a dash.
fn spelled(name: &str, value: Option<&OsStr>) -> OsString {
    let mut argument = OsString::new();
    if !name.starts_with('-') {
        argument.push("--");
    }
    argument.push(name);
    if let Some(value) = value {
        argument.push("=");
        argument.push(value);
    }
    argument
}

fn option<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let name = name.strip_prefix("--")?;
    let has = |option: &&Arg| {
        let is_alias = |aliases: Vec<&str>| aliases.contains(&name);
        option.get_long() == Some(name) || option.get_all_aliases().is_some_and(is_alias)
    };
    command.get_arguments().find(has)
}

/// Whether Go's flags read the value as a number.
fn is_number(option: &Arg) -> bool {
    option.get_value_parser().type_id() == TypeId::of::<u64>()
}

/// Whether the value may be any bytes.
fn is_path(option: &Arg) -> bool {
    option.get_value_parser().type_id() == TypeId::of::<PathBuf>()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser as _};

    use super::{super::arguments::Arguments, *};

    fn of(text: &str) -> Normalized {
        let arguments = text.split(' ').map(OsString::from);
        normalized(&Arguments::command(), arguments)
    }

    fn spelled(text: &str) -> String {
        let words = of(text).arguments;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn one_dash_equals_two() {
        assert_eq!(
            spelled("x -type=key --key foo cat"),
            "x --type=key --key=foo cat"
        );
        assert_eq!(
            spelled("x -type key -key -odd cat -n"),
            "x --type=key --key=-odd cat -n"
        );
        assert_eq!(
            spelled("x -passingonly=true -stale -service web"),
            "x --passingonly=true --stale --service=web"
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
        let expected = "x --service-id=web cat";
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
    fn our_own_subcommands_accept_options_anywhere() {
        assert_eq!(
            spelled("x check a.hcl -http-addr h:1 b.hcl"),
            "x check a.hcl --http-addr=h:1 b.hcl"
        );
    }

    #[test]
    fn operands_end_the_options_of_kv() {
        assert_eq!(
            spelled("x kv get -http-addr=h:1 a"),
            "x kv get --http-addr=h:1 -- a"
        );
        assert_eq!(
            spelled("x kv put -cas -flags 7 a -5 -cas"),
            "x kv put --cas --flags=7 -- a -5 -cas"
        );
        assert_eq!(spelled("x kv put a -"), "x kv put -- a -");
    }

    #[test]
    fn the_last_of_repeated_options_counts() {
        let given = of("x -key=a -stale -key=b -stale=false -tag=1 -tag=2");
        assert_eq!(
            given.arguments,
            ["x", "--key=b", "--stale=false", "--tag=1", "--tag=2"]
        );
        assert_eq!(given.replaced, ["key", "stale"]);
    }

    #[test]
    fn empty_texts_are_left_out_and_named() {
        let given = of("x -key= -prefix  -token= -key=a -passingonly  -state=a -state= cat");
        assert_eq!(given.arguments, ["x", "--key=a", "cat"]);
        assert_eq!(given.empty, ["prefix", "token", "passingonly", "state"]);
        // An empty boolean or number is an error, and an empty separator has a meaning.
        assert_eq!(spelled("x -shell= cat"), "x --shell= cat");
        assert_eq!(
            spelled("x kv delete -modify-index= a"),
            "x kv delete --modify-index= -- a"
        );
        assert_eq!(
            spelled("x kv put -flags  -modify-index  a"),
            "x kv put --flags= --modify-index= -- a"
        );
        assert_eq!(
            spelled("x kv get -keys -separator= a"),
            "x kv get --keys --separator= -- a"
        );
    }
    #[test]
    fn texts_that_are_not_utf8_are_named() {
        let words: [&[u8]; 6] = [
            b"x",
            b"-token-file=\xff",
            b"-prefix=\xff",
            b"-prefix=a",
            b"-key",
            b"a\xff",
        ];
        let words = words.map(|word| OsString::from_vec(word.to_vec()));
        let given = normalized(&Arguments::command(), words);
        assert_eq!(given.not_utf8, ["key"]);
    }
}
