//! What a request asks for, read from its head once and strictly. Whatever two readers could read in two ways is refused:
//! two hosts, two lengths, a length beside chunks. So nobody behind this can see another request, or another host, than the
//! one that was judged here.

use std::net::IpAddr;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Version};

use crate::refusal::Refusal;

/// The header that names a tenant. Its services get it, too, with the tenant that was found.
pub const TENANT: HeaderName = HeaderName::from_static("x-accessos-tenant");
/// Who was asked by, as proxies write it.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// How.
    pub method: &'a Method,
    /// Of which host: in lower case, without port.
    pub host: String,
    /// The path, without query.
    pub path: &'a str,
    /// The tenant that the header names.
    pub tenant: Option<&'a str>,
    /// The bearer token.
    pub bearer: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// Reads a head.
    ///
    /// # Errors
    /// It can be read in more than one way, or is of a kind that is not passed on.
    pub fn read(parts: &'a Parts) -> Result<Self, Refusal> {
        if [Method::CONNECT, Method::TRACE].contains(&parts.method) {
            return Err(Refusal::Method);
        }
        framing(parts)?;
        let host = host(parts)?;
        let path = parts.uri.path();
        if !path.starts_with('/') {
            return Err(Refusal::Malformed("the path does not begin with a slash"));
        }
        let tenant = only(&parts.headers, &TENANT, "the header that names a tenant is there twice")?;
        let authorization = only(&parts.headers, &AUTHORIZATION, "Authorization is there twice")?;
        let bearer = authorization.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        Ok(Self { method: &parts.method, host, path, tenant, bearer })
    }
}

/// The one value of a header. What is no text is refused where it would be read.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName, twice: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Refusal::Malformed("a header is no text")),
        (Some(_), Some(_)) => Err(Refusal::Malformed(twice)),
    }
}

/// One length or chunks, not both (RFC 9112, 6.3: such a message "might indicate an attempt to perform request smuggling").
/// Of HTTP/1.1 little of this is left to be seen here: hyper refuses lengths that differ, and beside chunks it drops the
/// length and closes the connection after the answer.
fn framing(parts: &Parts) -> Result<(), Refusal> {
    let lengths = parts.headers.get_all(CONTENT_LENGTH).iter().count();
    if lengths > 1 {
        return Err(Refusal::Malformed("Content-Length is there twice"));
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if lengths > 0 || codings.next().is_some() || parts.version < Version::HTTP_11 {
        return Err(Refusal::Malformed("the length of the body is said in two ways"));
    }
    match coding.to_str() {
        Ok(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(()),
        _ => Err(Refusal::Malformed("a body is passed on whole or in chunks, and in no other coding")),
    }
}

/// The host, which the request line, `:authority` and `Host` must agree about.
fn host(parts: &Parts) -> Result<String, Refusal> {
    let header = only(&parts.headers, &HOST, "Host is there twice")?;
    let line = parts.uri.authority().map(http::uri::Authority::as_str);
    let (header, line) = (header.map(bare), line.map(bare));
    match (header, line) {
        (Some(one), Some(other)) if one != other => Err(Refusal::Malformed("two hosts are named")),
        (Some(host), _) | (None, Some(host)) => host.ok_or(Refusal::Malformed("the host is none")),
        (None, None) => Err(Refusal::Malformed("no host is named")),
    }
}

/// A host in lower case, without port and without the dot at the end of a full name.
fn bare(authority: &str) -> Option<String> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port.strip_prefix(':').unwrap_or(port)),
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_');
    let is_host = !host.is_empty() && host.len() <= 253 && host.bytes().all(fits);
    (is_host && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// Who asks: the entry of `X-Forwarded-For` that the outermost of our own proxies wrote, which is this many from the
/// right; with none of ours before this, whoever is connected. What a client wrote itself stands further left.
pub fn client(headers: &HeaderMap, peer: IpAddr, proxies: usize) -> IpAddr {
    let Some(from_the_right) = proxies.checked_sub(1) else { return peer };
    let lists = headers.get_all(FORWARDED_FOR);
    let entries: Vec<&str> =
        lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).collect();
    entries.iter().rev().nth(from_the_right).and_then(|entry| entry.trim().parse().ok()).unwrap_or(peer)
}

/// Whether a page is wanted rather than JSON.
pub fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn host_of(uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        Asked::read(&parts(uri, headers)).ok().map(|asked| asked.host)
    }

    #[test]
    fn there_is_one_host_whoever_names_it() {
        let acme = Some("acme.example".to_owned());
        assert_eq!(host_of("/", &[("host", "Acme.Example.:8080")]), acme);
        assert_eq!(host_of("http://acme.example/x", &[]), acme);
        assert_eq!(host_of("http://acme.example/x", &[("host", "acme.example:80")]), acme);
        assert_eq!(host_of("/", &[("host", "[::1]:8080")]), Some("::1".to_owned()));
        assert_eq!(host_of("http://acme.example/x", &[("host", "bolt.example")]), None);
        assert_eq!(host_of("/", &[("host", "acme.example"), ("host", "bolt.example")]), None);
        for bad in ["", "a b", "u@acme.example", "acme.example:x", "acme.example/x", "acme.example,bolt.example"] {
            assert_eq!(host_of("/", &[("host", bad)]), None, "{bad}");
        }
        assert_eq!(host_of("/", &[]), None);
    }

    #[test]
    fn a_body_has_one_length() {
        let read = |headers: &[(&str, &str)]| {
            let headers = [&[("host", "a.b")], headers].concat();
            Asked::read(&parts("/", &headers)).is_ok()
        };
        assert!(read(&[("content-length", "3")]) && read(&[("transfer-encoding", "Chunked")]));
        assert!(!read(&[("content-length", "3"), ("transfer-encoding", "chunked")]));
        assert!(!read(&[("content-length", "3"), ("content-length", "3")]));
        for coding in ["gzip, chunked", "chunked, chunked", "xchunked", " identity"] {
            assert!(!read(&[("transfer-encoding", coding)]), "{coding}");
        }
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let of = |lists: &[&str], proxies| {
            let headers: Vec<_> = lists.iter().map(|list| ("x-forwarded-for", *list)).collect();
            client(&parts("/", &headers).headers, peer, proxies).to_string()
        };
        assert_eq!(of(&["1.1.1.1, 2.2.2.2"], 0), "10.0.0.1");
        assert_eq!(of(&["6.6.6.6, 2.2.2.2"], 1), "2.2.2.2");
        assert_eq!(of(&["6.6.6.6", "2.2.2.2"], 1), "2.2.2.2");
        assert_eq!(of(&["6.6.6.6, 2.2.2.2, 3.3.3.3"], 2), "2.2.2.2");
        assert_eq!(of(&["junk"], 1), "10.0.0.1");
        assert_eq!(of(&[], 1), "10.0.0.1");
    }
}
