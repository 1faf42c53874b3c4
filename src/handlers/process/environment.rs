//! Which variables a program gets.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::OsStrExt,
};

/// The environment of a program: what it inherits of ours, and what is set for it.
///
/// By default everything is inherited, Consul's own variables included, as the handlers of `consul watch`
/// and of the agent have it: a handler that runs `consul kv put` finds address and token. A token that was
/// *configured* rather than inherited is never handed to a program; [`set`](Self::set) it, or its file, if
/// one needs it. [`without_consul`](Self::without_consul) keeps Consul's credentials away.
///
/// A name in a list is a whole name, or its beginning followed by `*`.
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
    /// What holds the secrets of Consul's clients.
    pub const CONSUL_SECRETS: [&'static str; 3] = [
        "CONSUL_HTTP_TOKEN",
        "CONSUL_HTTP_TOKEN_FILE",
        "CONSUL_HTTP_AUTH",
    ];

    /// What systemd says to us alone: a child that took it for its own would speak in our name.
    pub const SERVICE_MANAGER: [&'static str; 6] = [
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "LISTEN_PID",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
    ];

    /// Everything that is in our own environment.
    pub fn inherited() -> Self {
        Self::default()
    }

    /// Only these are inherited (together with those of earlier calls). Without `PATH` among them, a program
    /// is looked for where the system looks by default.
    #[must_use]
    pub fn allow<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.allow
            .get_or_insert_default()
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// These are not inherited, even when they are allowed.
    #[must_use]
    pub fn deny<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.deny.extend(names.into_iter().map(Into::into));
        self
    }

    /// Consul's token, token file and password are not inherited.
    #[must_use]
    pub fn without_consul(self) -> Self {
        self.deny(Self::CONSUL_SECRETS)
    }

    /// Sets a variable, whatever the lists say.
    #[must_use]
    pub fn set(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.set.insert(name.into(), value.into());
        self
    }

    /// The variables that are set, for a check.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.set
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The whole environment, made of ours.
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
        // What a handler that runs us was told is not what ours is told.
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

/// Names without values, which may be secrets.
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
    fn everything_is_inherited_but_what_another_watch_told_us() {
        assert_eq!(names(&Environment::inherited()).len(), 5);
    }

    #[test]
    fn lists_name_whole_names_or_beginnings() {
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
    fn what_is_set_wins_and_is_not_printed() {
        let environment = Environment::inherited().deny(["*"]).set("TOKEN", "hunter2");
        assert_eq!(names(&environment), ["TOKEN"]);
        assert!(!format!("{environment:?}").contains("hunter2"));
    }
}
