//! The pages: few words, no script, nothing loaded from anywhere, and a policy that says so to the browser.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

const STYLE: &str = include_str!("page.css");

const NO_SNIFFING: HeaderName = HeaderName::from_static("x-content-type-options");

/// The hash by which the policy lets the style in.
static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// A refusal, as a page or as JSON.
pub fn refused(refusal: Refusal, page: bool) -> Response<Bytes> {
    let (heading, sentence) = refusal.words();
    let mut response = if page {
        html(refusal.status(), heading, &format!("<p>{}</p>", text(sentence)), None)
    } else {
        let body = serde_json::json!({"error": refusal.code(), "message": sentence});
        whole(refusal.status(), "application/json", format!("{body}\n").into())
    };
    if let Some(seconds) = refusal.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    // Where a request ends is not certain either, if it can be read in two ways. (HTTP/2 has no such header; hyper
    // leaves it out.)
    if matches!(refusal, Refusal::Malformed(_)) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if refusal == Refusal::Method {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    }
    response
}

/// The discovery page; with what was typed and a problem if it leads nowhere.
pub fn discovery(root: &str, wrong: Option<&str>) -> Response<Bytes> {
    let (status, title) = match wrong {
        None => (StatusCode::OK, "Find your workspace"),
        Some(_) => (StatusCode::UNPROCESSABLE_ENTITY, "Find your workspace: that did not work"),
    };
    let problem = "Enter a work e-mail such as ana@example.com, or your organisation\u{2019}s name.";
    let told =
        wrong.map(|_| format!(r#"<p id="problem" class="problem" role="alert">{problem}</p>"#)).unwrap_or_default();
    let described = if wrong.is_some() {
        r#"aria-invalid="true" aria-describedby="problem hint""#
    } else {
        r#"aria-describedby="hint""#
    };
    let typed = text(wrong.unwrap_or_default());
    let form = format!(
        r#"<p id="hint">Enter your work e-mail or your organisation’s name, and we take you to where you sign in.</p>
<form method="post" action="/">
{told}<label for="who">Work e-mail or organisation</label>
<input id="who" name="who" type="text" inputmode="email" autocomplete="email" autocapitalize="none" spellcheck="false" maxlength="254" required {described} value="{typed}">
<button type="submit">Continue</button>
</form>"#
    );
    html(status, title, &form, Some(root))
}

/// Sends the client to another URL; `keep` has it send the same method and body.
pub fn elsewhere(url: &str, keep: bool) -> Option<Response<Bytes>> {
    let status = if keep { StatusCode::PERMANENT_REDIRECT } else { StatusCode::SEE_OTHER };
    let mut response = whole(status, "text/plain; charset=utf-8", Bytes::new());
    response.headers_mut().insert(LOCATION, url.parse().ok()?);
    Some(response)
}

/// A whole answer.
pub fn whole(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NO_SNIFFING, HeaderValue::from_static("nosniff"));
    response
}

fn html(status: StatusCode, title: &str, inner: &str, forms_to: Option<&str>) -> Response<Bytes> {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{inner}\n</main>\n</body>\n</html>\n",
        title = text(title)
    );
    let mut response = whole(status, "text/html; charset=utf-8", page.into());
    // A browser holds the redirect after a form against form-action, too.
    let forms = forms_to.map_or_else(|| "'none'".to_owned(), |root| format!("'self' https://*.{root}"));
    let style = &*STYLE_HASH;
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = policy.parse() {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Text that is safe between tags and in a quoted attribute.
fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_back_as_text() {
        let page = discovery("app.example", Some(r#""><script>alert(1)</script>"#));
        let body = String::from_utf8(page.body().to_vec()).unwrap();
        assert!(!body.contains("<script>") && body.contains("&quot;&gt;&lt;script&gt;"), "{body}");
        assert_eq!(page.status(), 422);
    }

    #[test]
    fn a_refusal_is_a_page_for_people_and_json_for_programs() {
        let page = refused(Refusal::Paused, true);
        assert_eq!((page.status().as_u16(), page.headers()[RETRY_AFTER].to_str().unwrap()), (503, "3600"));
        assert!(page.body().starts_with(b"<!doctype html>"));
        assert!(page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        let json: serde_json::Value = serde_json::from_slice(refused(Refusal::Unknown, false).body()).unwrap();
        assert_eq!(json["error"], "unknown");
    }

    #[test]
    fn a_url_with_a_line_break_is_no_header() {
        assert!(elsewhere("https://a.b/\r\nx: y", true).is_none());
        assert_eq!(elsewhere("https://a.b/c", true).unwrap().status(), 308);
    }
}
