//! The JSON Schema of fleet.yaml, generated from the mirror, for editors and for `shape`.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::mirror::{FleetFile, TenantFile};

/// The schema of fleet.yaml (JSON Schema 2020-12).
pub fn fleet_schema() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<FleetFile>();
    schema.to_value()
}

/// The schema of a file of tenants.
pub(super) fn tenant_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<TenantFile>().to_value()
}
