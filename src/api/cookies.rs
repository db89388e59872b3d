//! The browser's session: its token in a cookie that no script can read, and against pages of other
//! sites a header that only the own page can say.

use crate::access::session;
use crate::domain::problem::Problem;
use axum::http::header::{COOKIE, HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, Method};

/// The cookie.
const NAME: &str = "callboard_session";
/// The header that goes with it when something is changed.
pub const CSRF: &str = "x-callboard-csrf";

/// The token of the cookie, if there is one.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|line| line.split(';'));
    let mut own = pairs.filter_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='));
    own.next().filter(|token| !token.is_empty())
}

/// Whether a request with the cookie comes from the own page: a change says the header, and a
/// WebSocket, which cannot, comes from the same origin.
///
/// # Errors
/// 403 `csrf`.
pub fn is_own_page(headers: &HeaderMap, method: &Method, token: &str) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let reads = *method == Method::GET || *method == Method::HEAD;
    let own = if headers.contains_key(UPGRADE) {
        let origin = text(ORIGIN.as_str()).and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_, host)| Some(host) == text(HOST.as_str()))
    } else {
        reads || text(CSRF) == Some(&*session::csrf(token))
    };
    if own {
        return Ok(());
    }
    let detail = "with the session's cookie a change also sends x-callboard-csrf, as csrf was \
                  answered when the session was opened";
    Err(Problem::new(403, "csrf", detail))
}

/// The header that hands a browser its session, for `seconds`; 0 takes it back.
pub fn set(headers: &HeaderMap, token: &str, seconds: u64) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Browsers say their origin with a POST: only over TLS may the cookie be kept from plain HTTP.
    let secure = if origin.starts_with("https://") { "; Secure" } else { "" };
    let text =
        format!("{NAME}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), HeaderValue::from_str(value).expect("text"))
        });
        lines.collect()
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let found = |text| token(&headers(&[("cookie", text)])).map(str::to_owned);
        assert_eq!(found("a=b; callboard_session=cbs_x; c=d").as_deref(), Some("cbs_x"));
        for none in ["", "callboard_sessions=1", "callboard_session=", "x=callboard_session=y"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn changes_say_the_header_and_sockets_come_from_the_same_origin() {
        let csrf = session::csrf("cbs_x");
        let own = |method: Method, lines: &[(&'static str, &str)]| {
            is_own_page(&headers(lines), &method, "cbs_x").is_ok()
        };
        assert!(own(Method::GET, &[]));
        assert!(own(Method::POST, &[("x-callboard-csrf", &csrf)]));
        assert!(!own(Method::POST, &[]) && !own(Method::DELETE, &[("x-callboard-csrf", "1")]));
        let socket = |origin| {
            own(
                Method::GET,
                &[("upgrade", "websocket"), ("host", "cb.test:80"), ("origin", origin)],
            )
        };
        assert!(socket("https://cb.test:80") && !socket("https://evil.test"));
        assert!(!own(Method::GET, &[("upgrade", "websocket"), ("host", "cb.test")]));
    }

    #[test]
    fn over_tls_the_cookie_is_secure() {
        let cookie = |origin: &str| set(&headers(&[("origin", origin)]), "cbs_x", 60);
        let text =
            |value: Option<HeaderValue>| value.expect("a header").to_str().map(str::to_owned);
        let tls = text(cookie("https://cb.test")).expect("text");
        assert!(tls.contains("HttpOnly; SameSite=Strict; Secure"), "{tls}");
        assert!(!text(cookie("http://127.0.0.1")).expect("text").contains("Secure"));
    }
}
