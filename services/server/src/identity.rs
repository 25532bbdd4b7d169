//! Who this process is: four words, each from the environment.
//!
//! `VERSION` is baked into the image; `TENANT` and `FLEET` come from the task definition. So an
//! answer that pairs them proves which image a tenant's task really runs.

/// What the server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub service: String,
    pub tenant: String,
    pub fleet: String,
    pub version: String,
}

impl Identity {
    /// Reads the words through `variable`; a missing one is `unknown`, which no test expects.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let word = |name| variable(name).unwrap_or_else(|| "unknown".to_owned());
        Self { service: word("SERVICE"), tenant: word("TENANT"), fleet: word("FLEET"), version: word("VERSION") }
    }
}
