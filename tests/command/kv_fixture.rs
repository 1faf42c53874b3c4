//! Keys that the tests of `kv` begin with, and those that they find.

use std::fmt::Write as _;

use consul_watch_harness::{DEADLINE, TestAgent, eventually_some};
use serde_json::Value;

/// The keys before each call.
pub(crate) fn furnish(agent: &TestAgent, session: &str) {
    agent.request("DELETE", "/v1/kv/?recurse", &[], b"");
    for (key, value) in [
        ("app/a", &b"1"[..]),
        ("app/binary", b"\x00\xff\xfe\n"),
        ("app/empty", b""),
        ("app/flags?flags=18446744073709551615", b"<&>"),
        ("app/folder/b", b"two words"),
        ("app/lines", b"one\ttab\nno\nb\tc\td\n"),
        ("apple", b"3"),
        ("other/x", b"4"),
    ] {
        let reply = agent.request("PUT", &format!("/v1/kv/{key}"), &[], value);
        assert_eq!(reply.text().trim(), "true", "{key}");
    }
    let lock = format!("/v1/kv/app/locked?acquire={session}");
    assert_eq!(agent.request("PUT", &lock, &[], b"5").text().trim(), "true");
}

pub(crate) fn session(agent: &TestAgent) -> String {
    // Without a delay, a lock can be taken again at once.
    let about = br#"{"LockDelay": "0s"}"#;
    // Consul refuses it until the node of the agent is in the catalog.
    eventually_some(DEADLINE, "a session", || {
        let reply = agent.request("PUT", "/v1/session/create", &[], about);
        let reply: Value = serde_json::from_slice(&reply.body).ok()?;
        reply["ID"].as_str().map(str::to_owned)
    })
}

/// All keys with what a command can set.
pub(crate) fn keys(agent: &TestAgent) -> String {
    let reply = agent.request("GET", "/v1/kv/?recurse", &[], b"");
    let pairs: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let mut all = String::new();
    for pair in pairs.as_array().map(Vec::as_slice).unwrap_or_default() {
        let _ = writeln!(
            all,
            "{} {} {} {}",
            pair["Key"], pair["Flags"], pair["Value"], pair["Session"]
        );
    }
    all
}
