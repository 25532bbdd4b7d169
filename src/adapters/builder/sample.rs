//! A build order for tests to change.

use std::collections::BTreeMap;

use crate::domain::fleet::Builder;
use crate::domain::service::Build;
use crate::ports::BuildOrder;

/// The image of one service from its folder, for one platform, under two tags.
pub(super) fn order() -> BuildOrder {
    BuildOrder {
        service: "iam-service".parse().unwrap(),
        build: build("services/iam"),
        repository: "registry.example/accessos/iam".to_owned(),
        tags: vec!["1.4.1-main.57.ab12cd3".parse().unwrap(), "src-0123".parse().unwrap()],
        platforms: vec!["linux/amd64".to_owned()],
        builder: Builder::Docker,
        version: "1.4.1-main.57.ab12cd3".parse().unwrap(),
    }
}

/// A build of this context and nothing else.
pub(super) fn build(context: &str) -> Build {
    Build {
        context: context.to_owned(),
        dockerfile: "Dockerfile".to_owned(),
        args: BTreeMap::new(),
        inputs: Vec::new(),
        prepare: Vec::new(),
    }
}
