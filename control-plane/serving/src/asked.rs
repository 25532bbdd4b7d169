//! What a request asks for, from its head alone. Bodies are not read: nothing here takes one.

use std::collections::BTreeMap;

use http::header::{AUTHORIZATION, HeaderName, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, Method};

/// Longest target of a request, in bytes.
const TARGET_MAX: usize = 2048;

/// The head of a request, as far as it is looked at.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path, decoded, in its parts; none if it cannot be.
    pub path: Option<Vec<String>>,
    /// The query as it came.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// Whether the target is longer than is looked at.
    pub too_long: bool,
}

impl Asked {
    /// From a head; a first part of the path that is the service's name is a load balancer's, and is taken away.
    pub fn of(parts: Parts, service: &str) -> Self {
        let path = parts.uri.path().trim_start_matches('/');
        let own = path.strip_prefix(service).and_then(|rest| rest.strip_prefix('/')).filter(|_| !service.is_empty());
        let decode = |part: &str| Some(percent_encoding::percent_decode_str(part).decode_utf8().ok()?.into_owned());
        Self {
            path: own.unwrap_or(path).split('/').map(decode).collect(),
            query: parts.uri.query().map(str::to_owned),
            too_long: parts.uri.path().len() + parts.uri.query().map_or(0, str::len) > TARGET_MAX,
            method: parts.method,
            headers: parts.headers,
        }
    }

    /// The bearer's token, if there is exactly one.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.one(AUTHORIZATION)?.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer")).then_some(token.trim())
    }

    /// Whether what has this ETag is known to who asks.
    pub fn knows(&self, tag: &str) -> bool {
        let all = self.headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let known = all.flat_map(|value| value.split(',')).map(str::trim).map(|tag| tag.trim_start_matches("W/"));
        known.into_iter().any(|known| known == tag || known == "*")
    }

    /// A header that is there once.
    pub fn one(&self, name: HeaderName) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        all.next().filter(|_| all.next().is_none())?.to_str().ok()
    }
}

/// What is wrong with a query, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadQuery(pub String);

/// The parameters of a query. One that is not known, or there twice, is an error.
///
/// # Errors
/// Which.
pub fn query(asked: &Asked, known: &[&str]) -> Result<BTreeMap<String, String>, BadQuery> {
    let mut found = BTreeMap::new();
    let text = asked.query.as_deref().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if !known.contains(&name.as_ref()) {
            let shown: String = name.chars().take(60).collect();
            return Err(BadQuery(format!(
                "no parameter is called {}; there are {}",
                shown.escape_debug(),
                known.join(", ")
            )));
        }
        if found.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(BadQuery(format!("{name} is there twice")));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(target: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = http::Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asked::of(request.body(()).unwrap().into_parts().0, "licensing")
    }

    #[test]
    fn the_name_under_which_it_comes_in_is_taken_away() {
        let path = |target: &str| asked(target, &[]).path.map(|parts| parts.join("|"));
        assert_eq!(path("/licensing/healthz").as_deref(), Some("healthz"));
        assert_eq!(path("/healthz").as_deref(), Some("healthz"));
        assert_eq!(path("/licensing2/a%2Fb").as_deref(), Some("licensing2|a/b"));
        assert_eq!(path("/%ff"), None);
    }

    #[test]
    fn a_token_counts_only_if_it_is_the_only_one() {
        let token = |values: &[&str]| {
            let headers: Vec<(&str, &str)> = values.iter().map(|value| ("authorization", *value)).collect();
            asked("/", &headers).bearer().map(str::to_owned)
        };
        assert_eq!(token(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&["bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&["Bearer abc", "Bearer abc"]), None);
        assert_eq!(token(&["Basic abc"]), None);
        assert_eq!(token(&["Bearer"]), None);
    }

    #[test]
    fn tags_are_compared_weakly_and_a_star_is_any() {
        let knows = |value: &str| asked("/", &[("if-none-match", value)]).knows("\"a\"");
        assert!(knows("\"a\"") && knows("W/\"a\"") && knows("\"b\", \"a\"") && knows("*"));
        assert!(!knows("\"b\"") && !knows("a") && !knows(""));
    }

    #[test]
    fn a_parameter_is_known_and_there_once() {
        let of = |target: &str| query(&asked(target, &[]), &["limit"]).map_err(|bad| bad.0);
        assert_eq!(of("/?limit=a+b%21").unwrap()["limit"], "a b!");
        assert!(of("/?limit=1&limit=1").unwrap_err().contains("twice"));
        assert!(of("/?Limit=1").unwrap_err().contains("no parameter is called Limit"));
        assert_eq!(of("/?").unwrap().len(), 0);
    }
}
