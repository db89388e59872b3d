//! The built-in page at `/`: the live board in a browser. Static files in the binary; everything
//! that it shows comes over the public interface, with the key of whoever looks.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use axum::routing::get;

/// Nothing from elsewhere, nothing inline, no framing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Path, media type, content.
const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("static/index.html")),
    ("/console/style.css", "text/css; charset=utf-8", include_str!("static/style.css")),
    ("/console/app.js", "text/javascript; charset=utf-8", include_str!("static/app.js")),
    ("/console/feed.js", "text/javascript; charset=utf-8", include_str!("static/feed.js")),
    ("/console/board.js", "text/javascript; charset=utf-8", include_str!("static/board.js")),
    ("/welcome", "text/html; charset=utf-8", include_str!("static/welcome.html")),
    ("/console/welcome.js", "text/javascript; charset=utf-8", include_str!("static/welcome.js")),
    ("/console/icon.svg", "image/svg+xml", include_str!("static/icon.svg")),
];

/// The page and its files, to be mounted at the root.
pub fn routes() -> Router {
    FILES.iter().fold(Router::new(), |router, &(path, kind, content)| {
        router.route(path, get(move || async move { file(kind, content) }))
    })
}

fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // The files change with the binary only, but then at once.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_served() {
        let served: Vec<&str> = FILES.iter().map(|(path, _, _)| *path).collect();
        for (path, _, content) in FILES {
            for part in content.split(['"', '\'']) {
                if part.starts_with("/console/") {
                    assert!(served.contains(&part), "{path} names {part}");
                }
                if let Some(module) = part.strip_prefix("./").filter(|m| m.ends_with(".js")) {
                    assert!(served.contains(&format!("/console/{module}").as_str()), "{module}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let (_, _, page) = FILES[0];
        for wrong in ["<style", "style=", "onclick", "http://", "https://", "<script>"] {
            assert!(!page.contains(wrong), "the page holds {wrong:?}");
        }
    }
}
