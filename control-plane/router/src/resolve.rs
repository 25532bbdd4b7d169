//! Where a request goes: a pure function of the routes, the site, the request's head and the time.
//!
//! Four things can name a tenant, looked at in this order: the host, the first part of the path (on the shared host alone:
//! `/t/ACME/`), the header `X-AccessOS-Tenant`, and a verified token (on the shared host alone). None is stronger than
//! another: all that are there must name the same tenant, or the request goes nowhere. So no order can be played against
//! what stands behind this.

use accessos_routing::State;
use http::Method;

use crate::asked::Asked;
use crate::refusal::Refusal;
use crate::routes::{Routes, Target};
use crate::token::{Speaks, speaks};

/// What the first part of a path is that names a tenant.
const PREFIX: &str = "/t/";

/// The hosts that are nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The root domain, where people look for their organisation.
    pub root: String,
    /// The shared host.
    pub shared: String,
    /// The name of this service, which is part of the path of its health check.
    pub service: String,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Decision<'a> {
    /// It is passed on to this tenant; this much is cut off from the beginning of its path.
    Forward(&'a Target, usize),
    /// The client is sent to another host with the rest of its path.
    Elsewhere(&'a str, usize),
    /// It is for the discovery page: shown, or its form sent.
    Discover,
    /// It asks how this service is.
    Health,
    /// It goes nowhere.
    Refuse(Refusal),
}

/// Where a request goes at a time, in seconds since 1970.
pub fn resolve<'a>(routes: Option<&'a Routes>, site: &'a Site, asked: &Asked<'_>, now: i64) -> Decision<'a> {
    let by_host = routes.and_then(|routes| routes.by_host(&asked.host));
    if by_host.is_none() && is_health(site, asked.path) && asked.method == Method::GET {
        return Decision::Health;
    }
    if asked.host == site.root {
        return match asked.path {
            "/" => Decision::Discover,
            _ => Decision::Refuse(Refusal::Unknown),
        };
    }
    let Some(routes) = routes else { return Decision::Refuse(Refusal::NoRoutes) };
    match named(routes, site, asked, by_host, now) {
        Ok((target, cut)) if asked.host != site.shared && asked.host != target.host => {
            Decision::Elsewhere(&target.host, cut)
        }
        Ok((target, cut)) => standing(target, cut),
        Err(refusal) => Decision::Refuse(refusal),
    }
}

/// The one tenant that is named, and how much of the path named it.
fn named<'a>(
    routes: &'a Routes,
    site: &Site,
    asked: &Asked<'_>,
    by_host: Option<&'a Target>,
    now: i64,
) -> Result<(&'a Target, usize), Refusal> {
    let shared = asked.host == site.shared;
    if !shared && by_host.is_none() {
        return Err(Refusal::Unknown);
    }
    let known = |id: &str| routes.by_id(id).ok_or(Refusal::Unknown);
    let by_path = if shared { in_path(asked.path)? } else { None };
    let by_header = asked.tenant;
    let by_token = match asked.bearer.filter(|_| shared).map(|token| speaks(token, routes, now)) {
        Some(Speaks::For(target)) => Some(target),
        Some(Speaks::Refused) if by_path.is_none() && by_header.is_none() => return Err(Refusal::BadToken),
        Some(Speaks::Refused | Speaks::Unknown) | None => None,
    };
    let cut = by_path.map_or(0, |(_, cut)| cut);
    let path_target = by_path.map(|(id, _)| known(id)).transpose()?;
    let header_target = by_header.map(known).transpose()?;
    let mut all = [by_host.filter(|_| !shared), path_target, header_target, by_token].into_iter().flatten();
    let first = all.next().ok_or(Refusal::Unknown)?;
    if all.any(|other| other.id != first.id) {
        return Err(Refusal::TwoTenants);
    }
    Ok((first, cut))
}

/// The tenant in `/t/ACME/...`, and how long that part is without the slash that ends it.
fn in_path(path: &str) -> Result<Option<(&str, usize)>, Refusal> {
    let Some(rest) = path.strip_prefix(PREFIX) else { return Ok(None) };
    let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
    // Whoever resolves dots behind this would leave the part that was judged.
    let dots = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if rest.split(['/', '\\']).any(dots) || rest.to_ascii_lowercase().contains("%5c") {
        return Err(Refusal::Malformed("the path has dots for a part"));
    }
    Ok(Some((id, PREFIX.len() + id.len())))
}

fn standing(target: &Target, cut: usize) -> Decision<'_> {
    match (target.state, &target.moved_to) {
        (State::Active, _) => Decision::Forward(target, cut),
        (State::Paused, _) => Decision::Refuse(Refusal::Paused),
        (State::Moved, Some(to)) => Decision::Elsewhere(to, cut),
        (State::Maintenance, _) | (State::Moved, None) => Decision::Refuse(Refusal::Maintenance),
    }
}

fn is_health(site: &Site, path: &str) -> bool {
    path == "/healthz" || path.strip_prefix('/').and_then(|rest| rest.strip_suffix("/healthz")) == Some(&site.service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Issuer, site, snapshot_with};

    fn told(decision: &Decision<'_>) -> String {
        match decision {
            Decision::Forward(target, cut) => format!("{} -{cut}", target.id),
            Decision::Elsewhere(host, cut) => format!("to {host} -{cut}"),
            Decision::Discover => "discover".to_owned(),
            Decision::Health => "health".to_owned(),
            Decision::Refuse(refusal) => refusal.code().to_owned(),
        }
    }

    fn routes() -> (Routes, Issuer) {
        let issuer = Issuer::new("k");
        let mut snapshot = snapshot_with(&[("acme", Some(&issuer)), ("bolt", None), ("gone", None), ("zzz", None)]);
        snapshot.tenants[0].hosts.push("acme-com.app.example".to_owned());
        snapshot.tenants[2].state = State::Moved;
        snapshot.tenants[2].moved_to = Some("gone.eu.example".to_owned());
        snapshot.tenants[3].state = State::Paused;
        (Routes::of(&snapshot).unwrap(), issuer)
    }

    fn ask(host: &str, path: &str, tenant: Option<&str>, bearer: Option<&str>) -> String {
        let (routes, site) = (routes().0, site());
        let asked = Asked { method: &Method::GET, host: host.to_owned(), path, tenant, bearer };
        told(&resolve(Some(&routes), &site, &asked, 1_000))
    }

    #[test]
    fn a_tenant_is_named_by_host_path_header_or_token() {
        assert_eq!(ask("acme.app.example", "/x", None, None), "acme -0");
        assert_eq!(ask("go.app.example", "/t/acme/x", None, None), "acme -7");
        assert_eq!(ask("go.app.example", "/t/acme", None, None), "acme -7");
        assert_eq!(ask("go.app.example", "/x", Some("bolt"), None), "bolt -0");
        let (routes, issuer) = routes();
        let (site, token) = (site(), issuer.token("acme", 2_000));
        let by_token = |path, tenant| {
            let host = "go.app.example".to_owned();
            let asked = Asked { method: &Method::GET, host, path, tenant, bearer: Some(&token) };
            told(&resolve(Some(&routes), &site, &asked, 1_000))
        };
        assert_eq!(by_token("/x", None), "acme -0");
        assert_eq!(by_token("/t/bolt/x", None), "two_tenants");
        assert_eq!(by_token("/x", Some("bolt")), "two_tenants");
        let late = Asked {
            method: &Method::GET,
            host: "go.app.example".to_owned(),
            path: "/",
            tenant: None,
            bearer: Some(&token),
        };
        assert_eq!(told(&resolve(Some(&routes), &site, &late, 9_000)), "bad_token");
    }

    #[test]
    fn two_names_go_nowhere() {
        assert_eq!(ask("acme.app.example", "/", Some("bolt"), None), "two_tenants");
        assert_eq!(ask("acme.app.example", "/", Some("acme"), None), "acme -0");
        assert_eq!(ask("go.app.example", "/t/acme/", Some("bolt"), None), "two_tenants");
        assert_eq!(ask("acme.app.example", "/t/bolt/", None, None), "acme -0", "a path of acme's own");
    }

    #[test]
    fn what_is_not_known_goes_nowhere_and_what_moved_is_told_where() {
        assert_eq!(ask("other.app.example", "/", None, None), "unknown");
        assert_eq!(ask("other.app.example", "/", Some("acme"), None), "unknown", "a header does not make a host");
        assert_eq!(ask("go.app.example", "/", None, None), "unknown");
        assert_eq!(ask("go.app.example", "/t/nobody/", None, None), "unknown");
        assert_eq!(ask("go.app.example", "/t/%61cme/", None, None), "unknown");
        assert_eq!(ask("go.app.example", "/t/gone/x", None, None), "to gone.eu.example -7");
        assert_eq!(ask("gone.app.example", "/x", None, None), "to gone.eu.example -0");
        assert_eq!(ask("acme-com.app.example", "/x", None, None), "to acme.app.example -0");
        assert_eq!(ask("zzz.app.example", "/x", None, None), "paused");
        for path in ["/t/acme/../bolt", "/t/acme/%2E./x", "/t/acme/a\\..\\b", "/t/acme/%5c..%5cx", "/t/acme/."] {
            assert_eq!(ask("go.app.example", path, None, None), "malformed", "{path}");
        }
    }

    #[test]
    fn the_root_the_health_and_a_router_that_knows_nothing() {
        assert_eq!(ask("app.example", "/", None, None), "discover");
        assert_eq!(ask("app.example", "/x", None, None), "unknown");
        assert_eq!(ask("10.0.0.1", "/healthz", None, None), "health");
        assert_eq!(ask("go.app.example", "/edge-router/healthz", None, None), "health");
        assert_eq!(ask("acme.app.example", "/healthz", None, None), "acme -0", "acme's own");
        let site = site();
        let asked =
            Asked { method: &Method::GET, host: "acme.app.example".to_owned(), path: "/", tenant: None, bearer: None };
        assert_eq!(told(&resolve(None, &site, &asked, 0)), "no_routes");
    }
}
