//! [`Environment`]: the variables that a program gets.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::OsStrExt,
};

/// The environment of a program: the variables it inherits from this process, and those that are set.
///
/// By default it inherits all, Consul's own included, as the handlers of `consul watch` and of the agent do.
/// A handler that runs `consul kv put` thus has the address and the token. A token that was *configured* and
/// not inherited is never passed to a program. [`set`](Self::set) it or its file for a program that needs it.
/// [`without_consul`](Self::without_consul) withholds Consul's credentials.
///
/// A name in a list is a whole name, or a prefix followed by `*`.
///
/// ```
/// use consul_watch::handlers::Environment;
///
/// let lean = Environment::inherited().allow(["PATH", "HOME", "LC_*"]).set("MODE", "reload");
/// let careful = Environment::inherited().without_consul().deny(["AWS_*"]);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment {
    allow: Option<Vec<String>>,
    deny: Vec<String>,
    set: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// The variables with the secrets of Consul's clients.
    pub const CONSUL_SECRETS: [&'static str; 3] = [
        "CONSUL_HTTP_TOKEN",
        "CONSUL_HTTP_TOKEN_FILE",
        "CONSUL_HTTP_AUTH",
    ];

    /// The variables that systemd sets for this process alone. A child that used them would speak in its name.
    pub const SERVICE_MANAGER: [&'static str; 6] = [
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "LISTEN_PID",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
    ];

    /// Inherits all variables of this process.
    pub fn inherited() -> Self {
        Self::default()
    }

    /// Inherits only these and those of earlier calls. Without `PATH` among them, a program is searched for in
    /// the system's default path.
    #[must_use]
    pub fn allow<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.allow
            .get_or_insert_default()
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// Does not inherit these, even if they are allowed.
    #[must_use]
    pub fn deny<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.deny.extend(names.into_iter().map(Into::into));
        self
    }

    /// Does not inherit Consul's token, token file and password, nor the way to systemd's credentials, which may be the
    /// place of the token.
    #[must_use]
    pub fn without_consul(self) -> Self {
        self.deny(Self::CONSUL_SECRETS)
            .deny(["CREDENTIALS_DIRECTORY"])
    }

    /// Sets a variable, whatever the lists say.
    #[must_use]
    pub fn set(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.set.insert(name.into(), value.into());
        self
    }

    /// The variables that are set.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.set
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The whole environment, given that of this process.
    pub(super) fn of(
        &self,
        ours: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<_, _> = ours
            .into_iter()
            .filter(|(name, _)| self.inherits(name))
            .collect();
        all.extend(self.set.clone());
        all
    }

    fn inherits(&self, name: &OsStr) -> bool {
        // Those that this process has as the program of another handler are not about this handler's changes.
        if name == "CONSUL_INDEX" || fits("CONSUL_WATCH_*", name) {
            return false;
        }
        let listed = |list: &[String]| list.iter().any(|pattern| fits(pattern, name));
        self.allow.as_deref().is_none_or(listed) && !listed(&self.deny)
    }
}

fn fits(pattern: &str, name: &OsStr) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.as_bytes().starts_with(beginning.as_bytes()),
        None => name == pattern,
    }
}

/// Shows names but no values, which may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("allow", &self.allow)
            .field("deny", &self.deny)
            .field("set", &self.set.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(environment: &Environment) -> Vec<String> {
        let ours = [
            "PATH",
            "LC_ALL",
            "LC_TIME",
            "CONSUL_HTTP_TOKEN",
            "AWS_KEY",
            "CREDENTIALS_DIRECTORY",
            "CONSUL_INDEX",
            "CONSUL_WATCH_PATH",
        ];
        let ours = ours.map(|name| (OsString::from(name), OsString::from("x")));
        environment
            .of(ours)
            .into_keys()
            .map(|name| name.into_string().unwrap())
            .collect()
    }

    #[test]
    fn all_is_inherited_but_the_variables_of_another_handler() {
        assert_eq!(names(&Environment::inherited()).len(), 6);
    }

    #[test]
    fn lists_hold_whole_names_or_prefixes() {
        assert_eq!(
            names(&Environment::inherited().allow(["PATH", "LC_*"])),
            ["LC_ALL", "LC_TIME", "PATH"]
        );
        assert_eq!(
            names(&Environment::inherited().allow(["PAT", "LC_"])),
            [""; 0]
        );
        assert_eq!(
            names(
                &Environment::inherited()
                    .allow(["*"])
                    .deny(["LC_*", "AWS_KEY"])
                    .without_consul()
            ),
            ["PATH"]
        );
    }

    #[test]
    fn set_variables_win_and_are_not_printed() {
        let environment = Environment::inherited().deny(["*"]).set("TOKEN", "hunter2");
        assert_eq!(names(&environment), ["TOKEN"]);
        assert!(!format!("{environment:?}").contains("hunter2"));
    }
}
