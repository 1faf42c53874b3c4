//! The watches of nodes, services, instances and checks.

use consul_watch::actors::Query;
use consul_watch::watch::{Checks, Nodes, Service, Services};

use crate::state::{self, State};
use crate::watched::Watched;

/// The services: the name of each, and the id that its instances have on every node.
pub(crate) const SERVICES: [(&str, &str); 3] = [
    ("torture-web", "web"),
    ("torture-db", "db"),
    ("torture-sick", "sick"),
];

/// The part of the watch's path that stands for the option.
const CRITICAL: &str = "state=critical";
const PASSING: &str = "passingonly";

impl Watched for Nodes {
    fn state(&self, value: &Self::Value) -> State {
        state::nodes(value)
    }

    fn shows(&self, name: &str) -> bool {
        name.starts_with("node/")
    }

    fn changes_once(&self) -> bool {
        false
    }
}

impl Watched for Services {
    fn state(&self, value: &Self::Value) -> State {
        state::services(value)
    }

    fn shows(&self, name: &str) -> bool {
        name.starts_with("service/")
    }

    fn changes_once(&self) -> bool {
        false
    }
}

impl Watched for Service {
    fn state(&self, value: &Self::Value) -> State {
        state::instances(self.kind(), value)
    }

    fn shows(&self, name: &str) -> bool {
        let id = id(self.name());
        name.strip_prefix(self.kind())
            .is_some_and(|rest| rest.starts_with('/') && rest.ends_with(&format!("/{id}")))
    }
}

/// The kind of the instances that the watch shows.
trait Kind {
    fn kind(&self) -> &'static str;
}

impl Kind for Service {
    fn kind(&self) -> &'static str {
        if self.path().to_string().contains(PASSING) {
            "passing"
        } else {
            "instance"
        }
    }
}

impl Kind for Checks {
    fn kind(&self) -> &'static str {
        if self.path().to_string().contains(CRITICAL) {
            "critical"
        } else {
            "check"
        }
    }
}

impl Watched for Checks {
    fn state(&self, value: &Self::Value) -> State {
        state::checks(self.kind(), value)
    }

    fn shows(&self, name: &str) -> bool {
        let of_kind = name
            .strip_prefix(self.kind())
            .is_some_and(|rest| rest.starts_with('/'));
        let path = self.path();
        of_kind
            && (path.name().is_empty() || name.ends_with(&format!("/{}-check", id(path.name()))))
    }

    fn changes_once(&self) -> bool {
        !self.path().name().is_empty()
    }
}

fn id(service: &str) -> &'static str {
    let known = SERVICES.iter().find(|(name, _)| *name == service);
    known.expect("a service of the test").1
}
