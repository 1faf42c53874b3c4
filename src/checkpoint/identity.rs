//! The name of what a watch watches, whichever way it is asked for.

use consul_watch_actors::WatchPath;

/// Options that decide how Consul is asked, and not what is watched.
const MANNERS: [&str; 5] = ["stale", "consistent", "token", "raw", "without_hidden"];

/// Returns the name that a checkpoint has for a watch.
pub(super) fn identity(path: &WatchPath) -> String {
    let (mut text, name) = (path.to_string(), path.name().len());
    let begins = path.kind().len() + if name == 0 { 0 } else { 1 + name };
    let options = text.split_off(begins);
    let options = options.trim_start_matches('?').split('&');
    let options = options.filter(|option| !option.is_empty() && !MANNERS.contains(option));
    for (at, option) in options.enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        text.push_str(option);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_watch_is_asked_for_is_not_part_of_its_name() {
        let plain = WatchPath::new("key", "a?stale");
        assert_eq!(identity(&plain), "key:a?stale", "a key has any name");
        let asked = plain.option("stale").option("dc=east").option("token");
        assert_eq!(identity(&asked), "key:a?stale?dc=east");
        let services = WatchPath::new("services", "").option("consistent");
        assert_eq!(identity(&services), "services");
        let web = WatchPath::new("service", "web")
            .option("tag=a")
            .option("passingonly");
        assert_eq!(identity(&web), web.to_string());
    }
}
