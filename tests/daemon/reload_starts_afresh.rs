//! A reload whose configuration is the same: files with other content are read again, and what stands still starts
//! afresh.

use std::{fs, path::PathBuf};

use consul_watch::{
    ConsulConfig,
    daemon::{Daemon, DaemonConfig},
};
use consul_watch_harness::{
    Canned, DEADLINE, FaultProxy, MANAGEMENT, ResponseFault, Rights, Rule, TestAgent, eventually,
    eventually_async,
};

use crate::{
    fixture::{Folder, consul, key, prefix},
    process::Process,
};

/// Answers queries of this key with an error, and asks for a pause.
fn busy(proxy: &FaultProxy, key: &str, status: u16, pause: &str) {
    let busy = Canned::new(status, "busy").header("Retry-After", pause);
    let rule = Rule::next(1, ResponseFault::Replace(busy));
    proxy.inject(rule.for_target(&format!("/v1/kv/{key}")));
}

fn requests(proxy: &FaultProxy, key: &str) -> usize {
    let target = format!("/v1/kv/{key}");
    let seen = proxy.requests();
    seen.iter()
        .filter(|request| request.target.starts_with(&target))
        .count()
}

/// Returns the last line of the log about a reload.
fn last_reload(process: &Process) -> String {
    let log = process.log();
    let line = log
        .lines()
        .rfind(|line| line.contains("configuration reloaded"));
    line.expect("a reload").to_owned()
}

#[test]
fn sighup_starts_a_watch_that_waits_and_no_other() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let proxy = FaultProxy::start(agent.http_addr());
    for name in ["live", "busy", "wrong"] {
        agent.put(name, "1");
    }
    busy(&proxy, "busy", 429, "600");
    // Consul's own refusal of a query has the longest pauses.
    busy(&proxy, "wrong", 400, "600");
    let watch = |name: &str| {
        key(
            name,
            &folder.writer(name, "x"),
            &format!("label = \"the-{name}\""),
        )
    };
    let text = ["live", "busy", "wrong"].map(watch).concat();
    let file = folder.configure(&format!("{}{text}", consul(&proxy.url())));
    let process = Process::start(&folder, &file, &[]);
    eventually(DEADLINE, "the live watch holds a query", || {
        folder.log("live").len() == 1 && requests(&proxy, "live") == 2
    });
    eventually(DEADLINE, "the others are refused", || {
        requests(&proxy, "busy") == 1 && requests(&proxy, "wrong") == 1
    });
    process.until_logged("the watch is interrupted and will be retried", 2);
    process.reload();
    for name in ["busy", "wrong"] {
        eventually(DEADLINE, "the handler runs without the pause", || {
            folder.log(name).len() == 1
        });
    }
    let line = last_reload(&process);
    for part in [
        "kept=3",
        "changed=0",
        "afresh=2",
        "afresh_watches=\"the-busy, the-wrong\"",
        "consul=false",
        "read_again=0",
    ] {
        assert!(line.contains(part), "no {part}: {line}");
    }

    // Nothing stands still any more.
    process.reload();
    let line = last_reload(&process);
    assert!(
        line.contains("afresh=0") && !line.contains("the-busy"),
        "{line}"
    );
    assert_eq!(
        requests(&proxy, "live"),
        2,
        "its query is held all the time"
    );
    agent.put("live", "2");
    eventually(DEADLINE, "it is live", || folder.log("live").len() == 2);
    assert!(process.stop().success());
}

#[actix_rt::test]
async fn a_reload_names_what_it_changed() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let watch = |name: &str, tag: &str| {
        let more = format!("label = \"the-{name}\"");
        key(name, &folder.writer(name, tag), &more)
    };
    let text = |watches: &[String]| format!("{}{}", consul(&agent.url()), watches.concat());
    let before = text(&[watch("a", "x"), watch("b", "x"), watch("c", "x")]);
    let mut daemon = Daemon::start(folder.load(&before)).await.unwrap();
    let after = text(&[watch("a", "x"), watch("b", "y"), watch("d", "x")]);
    let reloaded = daemon.reload(folder.load(&after)).await.unwrap();
    assert_eq!(
        (
            reloaded.kept,
            reloaded.changed,
            reloaded.started,
            reloaded.stopped
        ),
        (1, 1, 1, 1)
    );
    assert_eq!(reloaded.labels.changed, ["the-b"]);
    assert_eq!(reloaded.labels.started, ["the-d"]);
    assert_eq!(reloaded.labels.stopped, ["the-c"]);
    assert_eq!((reloaded.afresh, reloaded.consul), (0, false));
    assert_eq!(reloaded.read_again, Vec::<PathBuf>::new());
    daemon.stop().await;
}

/// The token is not denied, so only the reload brings the new one.
#[actix_rt::test]
async fn another_token_in_the_file_is_used_after_the_reload() {
    let agent = TestAgent::builder().dev().acl().start();
    let folder = Folder::new();
    let rule = |key: &str| format!("key \"{key}\" {{ policy = \"read\" }}\n");
    let first = Rights::create(&agent, "first", &rule("app/b"));
    let both = rule("app/a") + &rule("app/b");
    let second = Rights::create(&agent, "second", &both);
    agent.put("app/a", "hidden");
    agent.put("app/b", "shown");
    let token = folder.path("token");
    fs::write(&token, &first.secret).unwrap();
    let text = format!(
        "consul {{\n address = \"{}\"\n token_file = \"{}\"\n}}\n{}",
        agent.url(),
        token.display(),
        prefix("app/", &folder.writer("app", "x"), "")
    );
    let mut daemon = Daemon::start(folder.load(&text)).await.unwrap();
    folder.until_log("app", &["x=shown"]).await;

    let reloaded = daemon.reload(folder.load(&text)).await.unwrap();
    assert_eq!((reloaded.consul, reloaded.read_again.len()), (false, 0));
    fs::write(&token, format!("{}\n", second.secret)).unwrap();
    let reloaded = daemon.reload(folder.load(&text)).await.unwrap();
    assert_eq!(reloaded.read_again, std::slice::from_ref(&token));
    assert!(reloaded.consul && reloaded.kept == 1, "{reloaded:?}");
    folder.until_log("app", &["x=shown", "x=hidden"]).await;

    // A file that is gone is refused, also just after the load, and the token that is known stays.
    let loaded = folder.load(&text);
    fs::remove_file(&token).unwrap();
    let file = folder.configure(&text);
    let issues = DaemonConfig::load(&[file], &ConsulConfig::default()).expect_err("no token");
    assert!(
        issues
            .to_string()
            .contains(":3: consul: cannot read the token"),
        "{issues}"
    );
    let refused = daemon.reload(loaded).await;
    let refused = refused.expect_err("no token").to_string();
    assert!(refused.contains(&token.display().to_string()), "{refused}");
    let allowed = agent.http().with_token(MANAGEMENT);
    allowed.put("app/a", "still");
    folder
        .until_log("app", &["x=shown", "x=hidden", "x=still"])
        .await;
    daemon.stop().await;
}

#[cfg(feature = "tls")]
mod tls {
    use consul_watch_harness::Authority;

    use super::*;

    /// A watch of the key `a` whose state an HTTPS server takes: the key `hook` of another agent.
    fn hook(agent: &TestAgent, server: &TestAgent, authority: &std::path::Path) -> String {
        format!(
            "{}watches {{\n type = \"key\"\n key = \"a\"\n label = \"the-hook\"\n handler_type = \"http\"\n \
             http_handler_config {{\n path = \"https://{}/v1/kv/hook\"\n method = \"PUT\"\n ca_file = \"{}\"\n \
             }}\n retry {{ attempts = 0 base = \"50ms\" ceiling = \"200ms\" }}\n}}\n",
            consul(&agent.url()),
            server.https_addr(),
            authority.display()
        )
    }

    #[actix_rt::test]
    async fn a_renewed_authority_of_a_handler_is_used_after_the_reload() {
        let (agent, folder) = (TestAgent::dev(), Folder::new());
        let (authority, stranger) = (Authority::new(), Authority::new());
        let server = authority.agent().start();
        agent.put("a", "1");
        let trusted = folder.path("ca.pem");
        fs::copy(authority.certificate(), &trusted).unwrap();
        let text = hook(&agent, &server, &trusted);
        let mut daemon = Daemon::start(folder.load(&text)).await.unwrap();
        eventually_async(DEADLINE, "a call", || server.get("hook").is_some()).await;
        let reloaded = daemon.reload(folder.load(&text)).await.unwrap();
        assert_eq!((reloaded.kept, reloaded.read_again.len()), (1, 0));

        // The server is trusted no longer.
        fs::copy(stranger.certificate(), &trusted).unwrap();
        let reloaded = daemon.reload(folder.load(&text)).await.unwrap();
        assert_eq!(reloaded.read_again, std::slice::from_ref(&trusted));
        assert_eq!(reloaded.labels.changed, ["the-hook"]);
        assert!(!reloaded.consul, "{reloaded:?}");
        daemon.stop().await;
    }

    #[test]
    fn a_handler_whose_handshake_failed_reads_a_renewed_authority() {
        let (agent, folder) = (TestAgent::dev(), Folder::new());
        let (authority, stranger) = (Authority::new(), Authority::new());
        let server = authority.agent().start();
        agent.put("a", "1");
        let trusted = folder.path("ca.pem");
        fs::copy(stranger.certificate(), &trusted).unwrap();
        let file = folder.configure(&hook(&agent, &server, &trusted));
        let process = Process::start(&folder, &file, &[]);
        process.until_logged(
            "the TLS handshake failed: the server's certificate is of an unknown authority; name the file of the \
             server's authority as `ca_file` of the handler",
            1,
        );
        assert_eq!(server.get("hook"), None);
        fs::copy(authority.certificate(), &trusted).unwrap();
        eventually(DEADLINE, "a call", || server.get("hook").is_some());
        assert!(process.stop().success());
    }

    #[test]
    fn watches_survive_the_renewal_of_all_certificates_and_sighup_reads_them() {
        let folder = Folder::new();
        let (authority, renewed) = (Authority::new(), Authority::new());
        let agent = authority
            .agent()
            .config("verify_incoming_https = true")
            .start();
        agent.put("a", "1");
        let (certificate, private) = authority.client();
        let text = format!(
            "consul {{\n address = \"https://{}\"\n ca_file = \"{}\"\n client_cert = \"{}\"\n client_key = \"{}\"\n}}\n{}",
            agent.https_addr(),
            authority.certificate().display(),
            certificate.display(),
            private.display(),
            key("a", &folder.writer("a", "x"), "")
        );
        let process = Process::start(&folder, &folder.configure(&text), &[]);
        eventually(DEADLINE, "the first run", || folder.log("a").len() == 1);
        for entry in fs::read_dir(renewed.directory()).unwrap() {
            let entry = entry.unwrap();
            let to = authority.directory().join(entry.file_name());
            fs::copy(entry.path(), to).unwrap();
        }
        // Consul's connections were made with the old ones.
        process.reload();
        let line = last_reload(&process);
        assert!(
            line.contains("read_again=3") && line.contains("consul=true"),
            "{line}"
        );
        process.reload();
        assert!(last_reload(&process).contains("read_again=0"));

        agent.restart_empty();
        agent.put("a", "2");
        eventually(DEADLINE, "the next run", || {
            folder.log("a").iter().any(|run| run.value == "2")
        });
        assert!(process.stop().success());
    }
}
