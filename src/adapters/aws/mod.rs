//! Amazon ECS, ECR, Elastic Load Balancing, CloudWatch, Application Auto Scaling, RDS, S3, Secrets Manager and
//! Systems Manager, one set of clients per cell.
//!
//! These modules translate and pace; they decide nothing. What they could not read, they say they could not read.
//! Read `cells` for how AWS is reached, `whole_json` for why no field of a task definition is ever lost, then
//! one module per thing that tidegate asks for or does.

mod account;
mod alarms;
mod archive;
mod around;
mod balancers;
mod budget;
mod cells;
mod credentials;
mod cloudwatch;
mod data_tasks;
mod databases;
mod datapoints;
mod explain;
mod failure;
mod family;
mod fleet;
mod history;
mod live;
mod log_lines;
mod manifests;
mod observe;
mod parameters;
mod register;
mod quotas;
mod registry;
mod routes;
mod scaling;
mod secret_names;
mod secrets;
mod services;
mod snapshots;
mod stop;
mod stop_reasons;
mod targets;
mod task;
mod task_definitions;
mod update;
mod way_back;
mod whole_json;

#[cfg(test)]
mod loopback;
#[cfg(test)]
mod loopback_cbor;
#[cfg(test)]
mod tests_metrics;
#[cfg(test)]
mod tests_observe;
#[cfg(test)]
mod tests_verdicts;

pub use account::OwnAccount;
pub use archive::S3Archive;
pub use around::Accounts;
pub use cells::{AwsEnvironment, Cells};
pub use cloudwatch::CloudWatch;
pub use data_tasks::EcsDataTasks;
pub use databases::RdsDatabases;
pub use fleet::EcsFleet;
pub use manifests::S3Manifests;
pub use quotas::Quotas;
pub use registry::EcrRegistry;
pub use routes::ElbRoutes;
pub use scaling::EcsScaling;
pub use snapshots::S3Snapshots;
pub use targets::ElbTargets;
pub use way_back::EcsWayBack;
