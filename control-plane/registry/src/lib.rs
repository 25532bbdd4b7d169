//! The tenant registry: who is published, where each tenant answers and how it stands, for the parts of the control plane
//! and for people with a reader's token. It reads what Terraform publishes of every service set (`manifest`) and the
//! routing snapshot, puts them together (`catalogue`), and answers from that.
//!
//! What is told of a tenant is a list of fields that are named one by one (`tenant`), never a manifest with something taken
//! out: a field that somebody adds to manifests one day, a secret among them, is not told by that.

pub mod catalogue;
pub mod manifest;
pub mod service;
pub mod tenant;
