//! Agents that are killed, stopped, paused and started again.

use super::*;

#[test]
fn keeps_its_data_over_a_kill_and_a_stop_and_loses_it_when_told() {
    let agent = TestAgent::start();
    let (url, pid) = (agent.url(), agent.pid());
    agent.put("a/b", b"one");
    let (value, index) = agent.get("a/b").expect("written");
    assert_eq!(value, b"one");

    agent.kill();
    assert_eq!(agent.pid(), None);
    assert!(
        agent.try_put("a/b", b"two").is_err(),
        "a killed agent takes no write"
    );
    agent.restart();
    assert_eq!(agent.url(), url, "the ports stay");
    assert_ne!(agent.pid(), pid);
    assert_eq!(agent.get("a/b"), Some((b"one".to_vec(), index)));

    agent.stop();
    agent.restart();
    assert_eq!(agent.get("a/b"), Some((b"one".to_vec(), index)));

    agent.restart_empty();
    assert_eq!(agent.list(""), []);
    agent.put("c", b"");
    assert!(
        agent.entry("c").expect("written").create_index < index + 20,
        "indexes began anew"
    );
}

#[test]
fn awkward_keys_reach_consul_as_they_are() {
    let agent = TestAgent::dev();
    let keys = [
        "a b",
        "a//b",
        "a/../b",
        "a/./b",
        "ü/?x=1#y",
        "100%",
        "a/",
        "%2F",
        "/x",
        "..",
        "a/..",
    ];
    for key in keys {
        agent.put(key, key.as_bytes());
    }
    for key in keys {
        assert_eq!(agent.get(key).expect(key).0, key.as_bytes());
    }
    let mut found: Vec<_> = agent.list("").into_iter().map(|entry| entry.key).collect();
    found.sort();
    let mut keys = keys.map(str::to_owned);
    keys.sort();
    assert_eq!(found, keys);
    agent.delete("a b");
    agent.delete_tree("a/");
    assert_eq!(agent.list("a"), []);
}

#[test]
fn a_paused_agent_answers_when_it_goes_on() {
    let agent = TestAgent::dev();
    agent.pause();
    let http = agent.http().with_timeout(Duration::from_millis(200));
    assert!(http.try_put("k", b"v").is_err());
    agent.resume();
    agent.put("k", b"v");
}

#[test]
fn a_wrong_configuration_is_told_with_the_log() {
    let error = TestAgent::builder()
        .dev()
        .config("no_such_setting = true")
        .try_start()
        .unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[test]
fn an_agent_with_acls_is_asked_with_the_builders_token() {
    let acl =
        r#"acl { enabled = true default_policy = "deny" tokens { master = "the-master-token" } }"#;
    let agent = TestAgent::builder()
        .dev()
        .config(acl)
        .token("the-master-token")
        .start();
    agent.put("k", b"v");
    let stranger = Http::new(agent.http_addr());
    assert_eq!(stranger.request("GET", "/v1/kv/k", &[], b"").status, 403);
    assert!(
        !format!("{agent:?}").contains("the-master-token"),
        "no token in Debug"
    );
}
