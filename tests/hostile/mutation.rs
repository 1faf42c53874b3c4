//! Many small changes of good examples: nearer to what a parser takes, and so deeper into it, than any random text.

use std::fmt::Debug;
use std::path::Path;
use std::{env, fs};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

/// Insertions: tokens that parsers look for, and bytes that they do not expect.
const WORDS: [&[u8]; 32] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"=",
    b"/",
    b"\\",
    b"@",
    b"?",
    b"#",
    b"\0",
    b"\r\n",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f\x98\x80",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"null",
    b"true",
    b"\\ud800",
    b"${",
    b"<<EOF\n",
    b"..",
    b"://",
    b"%2f",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":",
    b" ",
];

/// The examples of one kind that the fuzz targets begin with too, in the order of their names.
pub(crate) fn corpus(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(kind);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut all: Vec<_> = files
        .map(|file| {
            let file = file.expect("a file");
            (
                file.file_name().to_string_lossy().into_owned(),
                fs::read(file.path()).expect("it can be read"),
            )
        })
        .collect();
    all.sort();
    assert!(!all.is_empty(), "there are examples of {kind}");
    all
}

/// One of the examples, by its name, with up to seven changes.
pub(crate) fn mutated(examples: Vec<(String, Vec<u8>)>) -> impl Strategy<Value = (String, Shown)> {
    let changes = prop::collection::vec((any::<u8>(), any::<u16>(), any::<u8>()), 0..8);
    (0..examples.len(), changes).prop_map(move |(at, changes)| {
        let (name, mut bytes) = examples[at].clone();
        for (kind, at, what) in changes {
            change(&mut bytes, kind, usize::from(at), usize::from(what));
        }
        (name, Shown(bytes))
    })
}

fn change(bytes: &mut Vec<u8>, kind: u8, at: usize, what: usize) {
    let at = at % (bytes.len() + 1);
    let end = (at + what % 16 + 1).min(bytes.len());
    match kind % 5 {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..at, WORDS[what % WORDS.len()].iter().copied())),
        3 => drop(bytes.splice(at..end, WORDS[what % WORDS.len()].iter().copied())),
        _ => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
    }
}

/// Bytes, printed so that a failure can be read.
#[derive(Clone)]
pub(crate) struct Shown(pub(crate) Vec<u8>);

impl Shown {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// Tries a property with as many cases as `CONSUL_WATCH_CASES` says; a failure is made as small as it can be.
#[track_caller]
pub(crate) fn holds<S: Strategy>(strategy: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    tried(strategy, cases(), property);
}

/// The same with a tenth of the cases, where there are not so many that differ.
#[track_caller]
pub(crate) fn holds_in_a_tenth<S: Strategy>(
    strategy: &S,
    property: impl Fn(S::Value) -> TestCaseResult,
) {
    tried(strategy, cases().div_ceil(10), property);
}

fn cases() -> u32 {
    env::var("CONSUL_WATCH_CASES").map_or(100_000, |text| text.parse().expect("a number of cases"))
}

#[track_caller]
fn tried<S: Strategy>(strategy: &S, cases: u32, property: impl Fn(S::Value) -> TestCaseResult) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    if let Err(error) = TestRunner::new(config).run(strategy, property) {
        panic!("{error}");
    }
}
