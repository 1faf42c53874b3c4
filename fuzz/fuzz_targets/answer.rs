//! Consul's responses: every type is tried, and a value that was read can be written and read again.

#![no_main]

use consul_watch::{
    KvPair,
    model::{
        CaRoots, HealthCheck, LeafCert, Node, ServiceEntry, ServiceInstance, ServiceList, UserEvent,
    },
};
use libfuzzer_sys::fuzz_target;

macro_rules! read_again {
    ($bytes:expr, $($kind:ty),+ $(,)?) => {
        $(if let Ok(value) = serde_json::from_slice::<$kind>($bytes) {
            let written = serde_json::to_vec(&value).expect("it can be written");
            serde_json::from_slice::<$kind>(&written).expect("it is read again");
        })+
    };
}

fuzz_target!(|bytes: &[u8]| {
    read_again!(
        bytes,
        Vec<KvPair>,
        Vec<Node>,
        Vec<HealthCheck>,
        Vec<ServiceEntry>,
        ServiceInstance,
        ServiceList,
        Vec<UserEvent>,
        CaRoots,
        LeafCert,
    );
});
