//! What goes on to a backend of a request's head, and back of an answer's. What speaks of one connection only ends here
//! (RFC 9110, 7.6.1); what a client says of who it is and which host it asked for is replaced by what is known.

use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use crate::asked::{FORWARDED_FOR, TENANT};
use crate::routes::Target;

/// The id that a request gets here, for logs of everybody behind this.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
];

/// What a client could say in our name.
const OURS: [HeaderName; 6] = [
    FORWARDED,
    FORWARDED_FOR,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-original-host"),
];

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Who asked, how and under which id.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    /// The client.
    pub client: IpAddr,
    /// The host that it asked for.
    pub host: &'a str,
    /// The id of the request.
    pub id: &'a HeaderValue,
}

/// Whether a request wants to go on as a WebSocket. To every other upgrade the client is heard without it: one to HTTP/2
/// would open a connection in which nothing of the above is looked at.
pub fn is_websocket(parts: &Parts) -> bool {
    let upgrade = parts.headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    upgrade && parts.method == Method::GET && parts.version == Version::HTTP_11 && names(&parts.headers, "upgrade")
}

/// Makes a request's head that of a request to a backend, with so much of the path cut off. None if its URL then is none.
pub fn to_backend(parts: &mut Parts, target: &Target, cut: usize, from: From<'_>) -> Option<()> {
    let websocket = is_websocket(parts);
    let prefix = parts.uri.path().get(..cut).filter(|prefix| !prefix.is_empty()).and_then(|prefix| prefix.parse().ok());
    let uri = Uri::builder().scheme(target.scheme.clone()).authority(target.authority.clone());
    parts.uri = uri.path_and_query(rest(&parts.uri, cut)?).build().ok()?;
    parts.version = Version::HTTP_11;
    end_of_hop(&mut parts.headers);
    let headers = &mut parts.headers;
    // The length is that of the body as it was read; hyper writes it again.
    headers.remove(CONTENT_LENGTH);
    for name in OURS {
        headers.remove(name);
    }
    let forged: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("x-forwarded-")).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
    one_cookie(headers);
    headers.insert(HOST, target.host_header.clone());
    headers.insert(TENANT, target.id_header.clone());
    headers.insert(REQUEST_ID, from.id.clone());
    headers.insert(FORWARDED_FOR, from.client.to_string().parse().ok()?);
    headers.insert(HeaderName::from_static("x-forwarded-host"), from.host.parse().ok()?);
    headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("https"));
    if let Some(prefix) = prefix {
        headers.insert(HeaderName::from_static("x-forwarded-prefix"), prefix);
    }
    if websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, WEBSOCKET);
    }
    Some(())
}

/// Makes an answer's head that of an answer to the client.
pub fn to_client(headers: &mut HeaderMap, id: &HeaderValue, switching: bool) {
    end_of_hop(headers);
    headers.insert(REQUEST_ID, id.clone());
    if switching {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, WEBSOCKET);
    }
}

/// Path and query without the first bytes of the path.
pub fn rest(uri: &Uri, cut: usize) -> Option<PathAndQuery> {
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    match whole.get(cut..)? {
        rest if rest.starts_with('/') => rest.parse().ok(),
        rest => format!("/{rest}").parse().ok(),
    }
}

fn end_of_hop(headers: &mut HeaderMap) {
    let lists = headers.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
    let named: Vec<HeaderName> =
        lists.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Whether `Connection` names this.
fn names(headers: &HeaderMap, wanted: &str) -> bool {
    let lists = headers.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|name| name.trim().eq_ignore_ascii_case(wanted))
}

/// HTTP/2 may send cookies one by one, HTTP/1.1 not (RFC 9113, 8.2.3).
fn one_cookie(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::fixture::snapshot_with;
    use crate::routes::Routes;

    fn sent(uri: &str, cut: usize, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        let routes = Routes::of(&snapshot_with(&[("acme", None)])).unwrap();
        let id = HeaderValue::from_static("r1");
        let from = From { client: "1.2.3.4".parse().unwrap(), host: "go.app.example", id: &id };
        to_backend(&mut parts, routes.by_id("acme").unwrap(), cut, from).unwrap();
        parts
    }

    fn listed(parts: &Parts) -> Vec<String> {
        let mut all: Vec<String> =
            parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        all.sort();
        all
    }

    #[test]
    fn nothing_that_a_client_says_in_our_name_gets_through() {
        let forged = [
            ("host", "bolt.app.example"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-anything", "evil"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("x-accessos-tenant", "bolt"),
            ("x-request-id", "forged"),
            ("connection", "close, x-secret, host"),
            ("x-secret", "s"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "x"),
            ("expect", "100-continue"),
            ("authorization", "Bearer t"),
        ];
        let parts = sent("/t/acme/a%20b?q=1", 7, &forged);
        assert_eq!(parts.uri, "http://s1.app.example/a%20b?q=1");
        assert_eq!(
            listed(&parts),
            [
                "authorization: Bearer t",
                "host: acme.app.example",
                "x-accessos-tenant: acme",
                "x-forwarded-for: 1.2.3.4",
                "x-forwarded-host: go.app.example",
                "x-forwarded-prefix: /t/acme",
                "x-forwarded-proto: https",
                "x-request-id: r1",
            ]
        );
    }

    #[test]
    fn a_path_that_is_all_cut_off_is_the_root() {
        assert_eq!(sent("/t/acme", 7, &[]).uri, "http://s1.app.example/");
        assert_eq!(sent("/t/acme?q=1", 7, &[]).uri, "http://s1.app.example/?q=1");
    }

    #[test]
    fn a_websocket_goes_on_and_other_upgrades_do_not() {
        let parts = sent("/ws", 0, &[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]);
        assert!(is_websocket(&parts));
        for headers in
            [[("connection", "upgrade"), ("upgrade", "h2c")], [("connection", "close"), ("upgrade", "websocket")]]
        {
            let parts = sent("/ws", 0, &headers);
            assert!(!is_websocket(&parts) && !parts.headers.contains_key("connection"));
        }
    }

    #[test]
    fn cookies_of_http_2_are_one_header_in_http_1() {
        assert!(
            listed(&sent("/", 0, &[("cookie", "a=1"), ("cookie", "b=2")])).contains(&"cookie: a=1; b=2".to_owned())
        );
    }
}
