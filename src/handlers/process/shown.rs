//! [`Program::shown`]: a program with its arguments, as far as they may be seen.

use super::Program;
use crate::text::escaped;

/// The greatest length of what is shown, in characters.
const MAX_SHOWN: usize = 60;

/// Parts of words that may announce a secret, or hold one, in lower case.
const SECRET_PARTS: [&str; 9] = [
    "token",
    "passw",
    "secret",
    "credential",
    "auth",
    "bearer",
    "apikey",
    "api-key",
    "api_key",
];

/// Options of many programs with a user and a password, or a password.
const SECRET_OPTIONS: [&str; 3] = ["-u", "-p", "--user"];

impl Program {
    /// Returns the program with its arguments, or the line for the shell, cut to one short line. It ends before the
    /// first word that may announce or hold a secret; of such an option the name is shown.
    pub(crate) fn shown(&self) -> String {
        let words = self.words();
        let mut shown: Vec<String> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            // The name of a program is in each log line.
            let is_name = at == 0 && !self.is_line();
            if is_name || !may_be_secret(word) {
                shown.push(quoted(word));
                continue;
            }
            let name = word.split_once('=').map_or(&**word, |(name, _)| name);
            let is_option = name.starts_with('-') && !name.contains([':', '@', ' ']);
            shown.push(match (is_option, name.len() < word.len()) {
                (true, true) => format!("{name}=…"),
                (true, false) => format!("{name} …"),
                (false, _) => "…".to_owned(),
            });
            break;
        }
        escaped(&shown.join(" "), MAX_SHOWN).into_owned()
    }
}

fn may_be_secret(word: &str) -> bool {
    let word = word.to_lowercase();
    let has_user = word
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'));
    let is_option = |option: &&str| {
        word.strip_prefix(*option)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    has_user
        || SECRET_PARTS.iter().any(|part| word.contains(part))
        || SECRET_OPTIONS.iter().any(is_option)
}

/// Returns a word in quotes if it could be taken for several.
fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("\"{word}\"")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_shown_up_to_the_first_that_may_be_secret() {
        let direct = |args: &[&str]| Program::new("run").args(args).shown();
        for (args, shown) in [
            (&["--reload", "a b", ""][..], "run --reload \"a b\" \"\""),
            (&["--token=hunter2", "x"], "run --token=…"),
            (&["-v", "--API-Key", "hunter2"], "run -v --API-Key …"),
            (&["-u", "me:hunter2"], "run -u …"),
            (&["--user=me:hunter2"], "run --user=…"),
            (&["-c", "curl -H X-Token:hunter2"], "run -c …"),
            (&["PASSWORD=hunter2"], "run …"),
            (&["http://me:hunter2@host/"], "run …"),
            (&["--unsorted", "-path", "-px"], "run --unsorted -path -px"),
            (&["\u{1b}[31m\n"], "run \"\\u{1b}[31m\\n\""),
        ] {
            assert_eq!(direct(args), shown, "{args:?}");
        }
        assert_eq!(
            Program::new("/bin/token-check").arg("x").shown(),
            "/bin/token-check x"
        );
        for (line, shown) in [
            ("jq -r '.[]'  > /tmp/web", "jq -r '.[]' > /tmp/web"),
            (
                "curl --header \"Authorization: hunter2\" x",
                "curl --header …",
            ),
            ("TOKEN=hunter2 run", "…"),
        ] {
            assert_eq!(Program::shell(line).shown(), shown, "{line}");
        }
        let long = Program::shell("echo ".repeat(50)).shown();
        assert_eq!((long.chars().count(), long.chars().last()), (61, Some('…')));
    }
}
