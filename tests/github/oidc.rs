//! The endpoint that Actions gives a job as `ACTIONS_ID_TOKEN_REQUEST_URL`. Its tokens are signed
//! by nobody: whoever checks them is a fake as well.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::repository::Repository;
use super::wire::answer::{Answer, Handled};
use super::wire::call::Call;

const LIFETIME_SECONDS: i64 = 300;

pub(crate) fn token(repo: &Repository, call: &Call) -> Handled {
    let now = call.now.as_second();
    let name = repo.full_name();
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com",
        "aud": call.parameter("audience").unwrap_or("https://github.com"),
        "sub": format!("repo:{name}:ref:refs/heads/{}", repo.default_branch),
        "repository": name,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    let token = format!("{}.{}.c2lnbmF0dXJl", part(&header), part(&claims));
    Ok(Answer::json(200, json!({ "value": token })))
}
