//! Agents that are killed, stopped, paused and started again.

use super::readiness::Missing;
use super::*;

#[test]
fn keeps_its_data_over_a_kill_and_a_stop_and_loses_it_on_request() {
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
        "indexes started over"
    );
}

#[test]
fn unusual_keys_reach_consul_unchanged() {
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
fn a_paused_agent_answers_after_it_resumes() {
    let agent = TestAgent::dev();
    agent.pause();
    let http = agent.http().with_timeout(Duration::from_millis(200));
    assert!(http.try_put("k", b"v").is_err());
    agent.resume();
    agent.put("k", b"v");
}

#[test]
fn the_error_of_a_wrong_configuration_holds_the_log() {
    let error = TestAgent::builder()
        .dev()
        .config("no_such_setting = true")
        .try_start()
        .unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[test]
fn requests_to_an_agent_with_acls_carry_the_builders_token() {
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

#[test]
fn another_programs_agent_at_the_port_is_not_ours() {
    let other = TestAgent::dev();
    let ports = AgentPorts {
        block: Arc::clone(&other.ports.block),
        host: other.ports.host,
    };
    let ours = TestAgent::assemble(&other.spec, &other.binary, ports).expect("a directory");
    assert_eq!(
        ours.ready(),
        Err(Missing::OtherAgent(other.node_id.clone()))
    );
    // Its own process finds the ports taken, or the other one's id shows first.
    let error = ours.run().expect_err("the ports are taken");
    assert!(error.is_of_ports(), "{error}");
    other.put("k", b"v");
}

#[test]
fn an_agent_with_acls_and_no_token_says_what_it_needs() {
    let error = TestAgent::builder()
        .dev()
        .config(r#"acl { enabled = true default_policy = "deny" }"#)
        .ready_within(Duration::from_secs(2))
        .try_start()
        .expect_err("it cannot be identified");
    assert!(error.to_string().contains("AgentBuilder::token"), "{error}");
}

#[test]
fn a_node_id_is_a_uuid() {
    let id = random_uuid();
    let lengths: Vec<_> = id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
    assert_eq!(&id[14..15], "4", "{id}");
    assert!("89ab".contains(&id[19..20]), "{id}");
    assert_ne!(id, random_uuid());
}
