//! `--fail tenant=acme,service=iam-service,at=bake`: a failure that somebody wants to see rehearsed.

use std::str::FromStr;

use crate::domain::ids::{ServiceName, SetId};

/// A failure of the release that is rehearsed. Whatever is not named is everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureSpec {
    /// Only for this tenant, or the control plane.
    pub tenant: Option<SetId>,
    /// Only in this service.
    pub service: Option<ServiceName>,
    /// When it shows.
    pub at: Moment,
}

/// When a failure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Tasks stop as soon as they start; ECS gives the deployment up.
    Start,
    /// Tasks run and answer 500; the gate's probes see it.
    Bake,
    /// Tasks run and fail five requests in a hundred; only a gate that reads errors sees it.
    Errors,
}

impl FromStr for FailureSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut spec = Self { tenant: None, service: None, at: Moment::Bake };
        for part in text.split(',') {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("`{}` has no `=`", part.escape_debug()))?;
            match key.trim() {
                "tenant" => spec.tenant = Some(value.parse().map_err(|bad| format!("{bad}"))?),
                "service" => spec.service = Some(value.parse().map_err(|bad| format!("{bad}"))?),
                "at" => spec.at = moment(value)?,
                other => return Err(format!("`{}` is unknown; there are: tenant, service, at", other.escape_debug())),
            }
        }
        Ok(spec)
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    match text {
        "start" => Ok(Moment::Start),
        "bake" => Ok(Moment::Bake),
        "errors" => Ok(Moment::Errors),
        other => Err(format!("at=`{}`; it can be start, bake or errors", other.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_everything() {
        let spec: FailureSpec = "tenant=acme,service=iam-service,at=start".parse().unwrap();
        assert_eq!((spec.tenant.unwrap().as_str(), spec.at), ("acme", Moment::Start));
        assert_eq!("at=errors".parse::<FailureSpec>().unwrap().at, Moment::Errors);
        let spec: FailureSpec = "at=bake".parse().unwrap();
        assert_eq!((spec.tenant, spec.service), (None, None));
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        for bad in ["", "acme", "tenant=Acme!", "when=bake", "at=noon"] {
            assert!(bad.parse::<FailureSpec>().is_err(), "{bad}");
        }
    }
}
