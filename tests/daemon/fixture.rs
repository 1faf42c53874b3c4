//! A folder with configuration files, and handlers that log their input.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use consul_watch::{ConsulConfig, daemon::DaemonConfig};
use consul_watch_harness::{DEADLINE, eventually};
use tempfile::TempDir;

/// The files of one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces the configuration file atomically, as an editor does.
    pub(crate) fn configure(&self, text: &str) -> PathBuf {
        let (new, file) = (self.path("watches.new"), self.path("watches.hcl"));
        fs::write(&new, text).expect("the file is written");
        fs::rename(new, &file).expect("the file is put in place");
        file
    }

    pub(crate) fn load(&self, text: &str) -> DaemonConfig {
        let config = DaemonConfig::load(&[self.configure(text)], &ConsulConfig::default());
        config.unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// Returns a shell command that appends `tag`, the index and its JSON input to a log, in one write.
    pub(crate) fn writer(&self, log: &str, tag: &str) -> String {
        let log = self.path(log);
        format!(
            "read -r json; printf '{tag} %s %s\\n' \"$CONSUL_INDEX\" \"$json\" >> {}",
            log.display()
        )
    }

    /// Returns the runs that handlers have written to a log.
    pub(crate) fn log(&self, name: &str) -> Vec<Run> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        // The last line may be incomplete.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(Run::read).collect()
    }

    /// Waits until the runs of a log are exactly these, each as `tag=value`.
    pub(crate) async fn until_log(&self, name: &str, runs: &[&str]) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let said: Vec<_> = self.log(name).iter().map(Run::to_string).collect();
            if said == runs {
                return;
            }
            assert!(
                said.len() <= runs.len() && Instant::now() < deadline,
                "{name}: {said:?}, not {runs:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// One run of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) tag: String,
    pub(crate) index: u64,
    /// The value of the key, or of the first key of a prefix; `-` if it is absent.
    pub(crate) value: String,
}

impl Run {
    fn read(line: &str) -> Self {
        let mut words = line.splitn(3, ' ');
        let mut word = || {
            words
                .next()
                .unwrap_or_else(|| panic!("three words, not {line:?}"))
        };
        let (tag, index, json) = (word().to_owned(), word().parse().expect("an index"), word());
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        let pair = json
            .as_array()
            .map_or(Some(&json), |pairs| pairs.first())
            .unwrap_or(&json);
        let value = pair["Value"]
            .as_str()
            .map_or_else(|| "-".to_owned(), decoded);
        Self { tag, index, value }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.tag, self.value)
    }
}

pub(crate) fn decoded(base64: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    String::from_utf8(STANDARD.decode(base64).expect("base64")).expect("text")
}

/// Returns the section `consul`.
pub(crate) fn consul(url: &str) -> String {
    format!("consul {{ address = \"{url}\" }}\n")
}

/// Returns a watch of a key with this shell command.
pub(crate) fn key(key: &str, line: &str, more: &str) -> String {
    watch("key", "key", key, line, more)
}

/// Returns a watch of a prefix with this shell command.
pub(crate) fn prefix(prefix: &str, line: &str, more: &str) -> String {
    watch("keyprefix", "prefix", prefix, line, more)
}

fn watch(kind: &str, parameter: &str, name: &str, line: &str, more: &str) -> String {
    let line = line.replace('\\', "\\\\").replace('"', "\\\"");
    let what = format!("type = \"{kind}\"\n  {parameter} = \"{name}\"");
    format!("watches {{\n  {what}\n  handler = \"{line}\"\n  {more}\n}}\n")
}

/// Returns the number of open descriptors of a process.
pub(crate) fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

/// Returns the number of established connections to a port of 127.0.0.1.
pub(crate) fn connections(port: u16) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").expect("/proc/net/tcp");
    let remote = format!("0100007F:{port:04X}");
    let established = table.lines().filter(|line| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next() == Some(&*remote) && fields.next() == Some("01")
    });
    established.count()
}

/// Returns the children of a process, each with its state: `Z` is a zombie.
pub(crate) fn children(process: u32) -> Vec<(u32, char)> {
    let all = fs::read_dir("/proc").expect("/proc");
    let ids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        (fields.next()?.parse::<u32>().ok()? == process).then_some((id, state))
    })
    .collect()
}

/// Waits until no process has this path in its arguments.
pub(crate) fn until_nobody_has(path: &Path) {
    let path = path.as_os_str().as_encoded_bytes();
    let has = |entry: fs::DirEntry| {
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        arguments.windows(path.len()).any(|window| window == path)
    };
    eventually(DEADLINE, "the end of all programs", || {
        !fs::read_dir("/proc").expect("/proc").flatten().any(has)
    });
}
