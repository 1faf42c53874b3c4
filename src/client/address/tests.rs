//! Addresses in every form, and the errors of invalid ones.

use proptest::prelude::*;

use super::*;

#[test]
fn this_machine_is_local() {
    let local = |text: &str| text.parse::<Address>().unwrap().is_local();
    assert!(
        local("127.0.0.2:8500")
            && local("https://[::1]")
            && local("LOCALHOST")
            && local("unix:///a")
    );
    assert!(!local("10.0.0.1") && !local("consul.example"));
}

fn fault(text: &str) -> AddressErrorKind {
    text.parse::<Address>().expect_err(text).reason
}

#[test]
fn reads_every_form_that_consul_reads() {
    let cases = [
        ("127.0.0.1:8500", "http://127.0.0.1:8500"),
        ("consul.example", "http://consul.example"),
        ("  localhost:80\n", "http://localhost:80"),
        ("http://localhost:8500/", "http://localhost:8500"),
        ("HTTPS://localhost", "https://localhost"),
        ("http://proxy/consul/", "http://proxy/consul"),
        ("proxy:81/a/b", "http://proxy:81/a/b"),
        ("[::1]:8500", "http://[::1]:8500"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
        ("unix:///run/consul.sock", "unix:///run/consul.sock"),
        ("unix:///run/consul@1.sock", "unix:///run/consul@1.sock"),
        ("proxy/a%40b", "http://proxy/a%40b"),
        (":8500", "http://127.0.0.1:8500"),
        ("http://:8500/x", "http://127.0.0.1:8500/x"),
        ("https://:8501", "https://127.0.0.1:8501"),
    ];
    for (text, shown) in cases {
        let address: Address = text.parse().expect(text);
        assert_eq!(address.to_string(), shown, "{text}");
        assert_eq!(shown.parse::<Address>().as_ref(), Ok(&address), "{text}");
    }
    assert_eq!(Address::default().to_string(), "http://127.0.0.1:8500");
}

#[test]
fn names_what_is_wrong() {
    assert_eq!(fault(""), AddressErrorKind::Empty);
    assert_eq!(fault("  "), AddressErrorKind::Empty);
    for at in [
        "http://me:80/hunter2@host",
        "host/a@b",
        "https://host:1/@team/",
    ] {
        assert_eq!(fault(at), AddressErrorKind::At, "{at}");
        let told = at.parse::<Address>().expect_err(at).to_string();
        assert!(
            told.contains("`%40`") && !told.contains("hunter2"),
            "{told}"
        );
    }
    for at in ["me@host", "http://me:a@b@host", "http://me:hun/ter2@host:1"] {
        assert_eq!(fault(at), AddressErrorKind::Credentials, "{at}");
    }
    assert_eq!(fault("ftp://host"), AddressErrorKind::Scheme);
    assert_eq!(fault("http://"), AddressErrorKind::NoHost);
    assert_eq!(fault(":"), AddressErrorKind::NoHost);
    assert_eq!(fault(":http"), AddressErrorKind::NoHost);
    assert_eq!(fault(":0"), AddressErrorKind::Port("0".to_owned()));
    assert_eq!(fault("::1"), AddressErrorKind::NoHost);
    assert_eq!(fault("a host"), AddressErrorKind::Host);
    assert_eq!(fault("[::1"), AddressErrorKind::Host);
    assert_eq!(fault("[::1]8500"), AddressErrorKind::Host);
    assert_eq!(fault("[nope]:1"), AddressErrorKind::Host);
    for port in ["0", "65536", "http", "+80", "", "-1", "1:2"] {
        assert_eq!(
            fault(&format!("host:{port}")),
            AddressErrorKind::Port(port.to_owned())
        );
    }
    assert_eq!(fault("http://host/?token=x"), AddressErrorKind::Query);
    assert_eq!(fault("host#x"), AddressErrorKind::Query);
    assert_eq!(fault("http://host/a b"), AddressErrorKind::Path);
    assert_eq!(fault("unix://run/consul.sock"), AddressErrorKind::Socket);
    assert_eq!(fault("unix://"), AddressErrorKind::Socket);
    assert_eq!(fault("unix:///run/consul/"), AddressErrorKind::Directory);
}

#[test]
fn an_error_shows_no_credentials() {
    for text in [
        "http://user:hunter2@host",
        "user:hunter2@host:8500",
        "http://a@b:hunter2@host/path",
        "ftp://user:hunter2@host",
        "http://host/?token=hunter2",
        "x:hunter2://y@host",
        "http://user:hunter2/x@host",
        "user:hunter2#x@host",
    ] {
        let error = text.parse::<Address>().expect_err(text);
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
    assert_eq!(
        fault("http://user:pass@host"),
        AddressErrorKind::Credentials
    );
}

#[test]
fn host_and_port_are_known() {
    let parts = |text: &str| {
        let address: Address = text.parse().expect(text);
        let (host, port) = address.host_and_port();
        (host.to_owned(), port)
    };
    assert_eq!(parts("host"), ("host".to_owned(), 80));
    assert_eq!(parts("https://host"), ("host".to_owned(), 443));
    assert_eq!(parts("https://host:8501/x"), ("host".to_owned(), 8501));
    assert_eq!(parts("https://[::1]:8501"), ("::1".to_owned(), 8501));
    assert_eq!(parts("[2001:db8::1]"), ("2001:db8::1".to_owned(), 80));
}

#[test]
fn tls_is_for_tcp_only() {
    let tls = |text: &str| text.parse::<Address>().expect(text).over_tls().to_string();
    assert_eq!(tls("host:8501"), "https://host:8501");
    assert_eq!(tls("unix:///a"), "unix:///a");
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,60}|[a-z0-9:/@.\\[\\]?#-]{0,40}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
        }
    }

    #[test]
    fn a_good_address_is_read(host in "[a-z][a-z0-9-]{0,20}", port in 1_u16.., path in "(/[a-z0-9%]{1,5}){0,3}") {
        let text = format!("https://{host}:{port}{path}");
        prop_assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text));
    }
}
