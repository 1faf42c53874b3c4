//! The runs that `only` and `project` leave. That a change led to no run is proved by a later one that did.

use consul_watch::daemon::Daemon;
use serde_json::json;

use super::Site;

async fn start(site: &Site, watch: &str) -> Daemon {
    Daemon::start(site.folder.load(&site.config(watch)))
        .await
        .unwrap()
}

#[actix_rt::test]
async fn keys_that_match_no_glob_do_not_count() {
    for roots in ["", "roots = [\"app/\"]\n"] {
        let site = Site::new();
        site.agent.put("app/x/limits", "1");
        site.agent.put("app/x/other", "1");
        let watch = "type = \"keyprefix\"\n prefix = \"app/\"\n only { keys = [\"app/*/limits\", \"app/all\"] }";
        let config = format!("{roots}{}", site.config(watch));
        let daemon = Daemon::start(site.folder.load(&config)).await.unwrap();
        let mut expected = vec![&["added app/x/limits - 1"][..]];
        site.until_runs(&expected).await;
        site.agent.put("app/x/other", "2");
        site.agent.put("app/x/y/limits", "1");
        site.agent.put("app/y/limits", "1");
        expected.push(&["added app/y/limits - 1"]);
        site.until_runs(&expected).await;
        site.agent.put("app/all", "1");
        expected.push(&["added app/all - 1"]);
        site.until_runs(&expected).await;
        site.agent.delete("app/x/other");
        site.agent.delete("app/x/limits");
        expected.push(&["removed app/x/limits 1 -"]);
        site.until_runs(&expected).await;
        daemon.stop().await;
    }
}

#[actix_rt::test]
async fn the_loss_of_a_tag_counts_and_what_follows_does_not() {
    let site = Site::new();
    site.agent.register("web1", "web", &["v1"]);
    site.agent.register("web2", "web", &["v1", "v2"]);
    site.until_instances(2).await;
    let watch = "type = \"service\"\n service = \"web\"\n only { tags = [\"v2\"] }";
    let daemon = start(&site, watch).await;
    let mut expected = vec![&["added web2 - passing"][..]];
    site.until_runs(&expected).await;
    site.agent.report("web1", "warn", "");
    site.agent.register("web2", "web", &["v1"]);
    expected.push(&["updated web2 passing passing"]);
    site.until_runs(&expected).await;
    site.agent.report("web2", "fail", "");
    site.agent.deregister("web1");
    site.agent.register("web3", "web", &["v2"]);
    expected.push(&["added web3 - passing"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn changes_of_health_count_by_both_ends() {
    let site = Site::new();
    site.agent.register("web1", "web", &[]);
    site.until_instances(1).await;
    let watch = "type = \"service\"\n service = \"web\"\n only { transitions = [\"* -> critical\", \"critical -> *\"] }";
    let text = format!(
        "{}{}",
        site.config(watch),
        site.seeing("type = \"service\"\n service = \"web\"")
    );
    let daemon = Daemon::start(site.folder.load(&text)).await.unwrap();
    // The state found at the start is handled, and nothing in it counts.
    let mut expected: Vec<&[&str]> = vec![&[]];
    site.until_runs(&expected).await;
    site.until_seen(1).await;
    site.agent.report("web1", "warn", "");
    site.until_seen(2).await;
    site.agent.report("web1", "fail", "");
    expected.push(&["updated web1 warning critical"]);
    site.until_runs(&expected).await;
    site.agent.report("web1", "pass", "");
    expected.push(&["updated web1 critical passing"]);
    site.until_runs(&expected).await;
    // An instance that comes is critical until its first report.
    let check = json!({ "TTL": "1h" });
    site.agent
        .register_service(&json!({ "ID": "web2", "Name": "web", "Check": check }));
    expected.push(&["added web2 - critical"]);
    site.until_runs(&expected).await;
    site.agent.deregister("web1");
    site.agent.deregister("web2");
    expected.push(&["removed web2 critical -"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn fields_outside_of_the_projection_do_not_count() {
    let site = Site::new();
    let put = |target: &str, value: &str| {
        site.agent.request("PUT", target, &[], value.as_bytes());
    };
    put("/v1/kv/app/a?flags=1", "1");
    let query = "type = \"key\"\n key = \"app/a\"";
    let watch = site.config(&format!("{query}\n project = [\"Value\"]"));
    let text = format!("{watch}{}", site.seeing(query));
    let daemon = Daemon::start(site.folder.load(&text)).await.unwrap();
    let mut expected = vec![&["added app/a - 1"][..]];
    site.until_runs(&expected).await;
    site.until_seen(1).await;
    put("/v1/kv/app/a?flags=2", "1");
    site.until_seen(2).await;
    put("/v1/kv/app/a?flags=2", "2");
    expected.push(&["updated app/a 1 2"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn an_instance_counts_by_one_name_of_its_metadata() {
    let site = Site::new();
    let register = |id: &str, version: &str, other: &str| {
        let meta = json!({ "version": version, "other": other });
        let check = json!({ "TTL": "1h", "Status": "passing" });
        site.agent
            .register_service(&json!({ "ID": id, "Name": "web", "Meta": meta, "Check": check }));
    };
    register("web1", "1", "a");
    site.until_instances(1).await;
    let watch = "type = \"service\"\n service = \"web\"\n project = [\"Service.Meta.version\", \"Service.Port\"]";
    let daemon = start(&site, watch).await;
    let mut expected = vec![&["added web1 - passing"][..]];
    site.until_runs(&expected).await;
    register("web1", "1", "b");
    site.agent.report("web1", "warn", "");
    register("web2", "1", "a");
    expected.push(&["added web2 - passing"]);
    site.until_runs(&expected).await;
    site.agent.report("web1", "pass", "");
    register("web2", "2", "a");
    expected.push(&["updated web2 passing passing"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}
