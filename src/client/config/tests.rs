//! The meaning of the settings together.

use super::*;

#[test]
fn a_prefix_has_one_slash_at_its_end() {
    for (given, kept) in [
        ("kvTest", "kvTest/"),
        ("/a/b//", "a/b/"),
        ("", ""),
        ("/", ""),
    ] {
        assert_eq!(
            ConsulConfig::default().with_prefix(given).prefix(),
            kept,
            "{given:?}"
        );
    }
}

#[test]
fn equal_settings_are_equal_and_clones_are_independent() {
    let config = ConsulConfig::default().with_token("a");
    assert_eq!(config, ConsulConfig::default().with_token("a"));
    let other = config.clone().with_token("b");
    assert_ne!(config, other);
    assert_eq!(config.token(), Some(&Secret::from("a")));
}

#[test]
fn no_secret_is_shown() {
    let config = ConsulConfig::default()
        .with_token("hunter2")
        .with_basic_auth("me", "hunter3");
    assert!(!format!("{config:?}").contains("hunter"));
}

#[test]
fn an_empty_setting_is_none() {
    let config = ConsulConfig::default()
        .with_token("")
        .with_datacenter("")
        .with_namespace("");
    assert_eq!(config, ConsulConfig::default());
}

#[test]
fn the_last_of_token_and_token_file_wins() {
    let file = ConsulConfig::default()
        .with_token("a")
        .with_token_file("/t");
    assert_eq!(file.token_file(), Some(Path::new("/t")));
    let token = file.clone().with_token("b");
    assert_eq!(
        (token.token_file(), token.token()),
        (None, Some(&Secret::from("b")))
    );
    assert_eq!(file.with_token("").token_file(), Some(Path::new("/t")));
}

#[test]
fn it_may_go_to_any_thread() {
    fn everywhere<T: Send + Sync + Clone + Default + Eq + std::hash::Hash>() {}
    everywhere::<ConsulConfig>();
}
