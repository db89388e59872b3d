//! The console: the pages that people look at in a browser. Static files in the binary, run as they
//! stand in `static/`; everything that they show and do goes over the public interface, with the
//! rights of whoever looks.
//!
//! One page, `index.html`, stands at every address of the console; its scripts draw what the
//! address says. All other files are at `/console/VERSION/…`, where the version is a hash over all of
//! them: browsers may keep those for ever.

mod disk;
mod files;
mod pack;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pack::{Held, Pack};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// The addresses at which the page stands.
const PAGES: &[&str] = &[
    "/",
    "/welcome",
    "/start",
    "/live",
    "/live/{*rest}",
    "/desk",
    "/staff",
    "/alerts",
    "/calls/{call}",
    "/wall",
];

/// The one page.
const PAGE: &str = "index.html";

/// The files of the binary, packed when somebody first asks.
static BUILT_IN: LazyLock<Arc<Pack>> = LazyLock::new(|| Arc::new(Pack::new(files::FILES)));

/// The pages and their files, to be mounted at the root; with `folder`, its files are served as they
/// are at each request, for people who edit them.
pub fn routes(folder: Option<PathBuf>) -> Router {
    let folder = folder.map(Arc::new);
    let page = {
        let folder = folder.clone();
        move |headers: HeaderMap| async move { page(&pack(folder.as_deref(), PAGE), &headers) }
    };
    let file = move |Path((version, path)): Path<(String, String)>, headers: HeaderMap| async move {
        file(&pack(folder.as_deref(), &path), &version, &path, &headers)
    };
    PAGES
        .iter()
        .fold(Router::new(), |router, path| router.route(path, get(page.clone())))
        .route("/console/{version}/{*path}", get(file))
}

/// Where the file at `path` is to be found.
fn pack(folder: Option<&PathBuf>, path: &str) -> Arc<Pack> {
    match folder {
        Some(folder) => Arc::new(disk::read(folder, path)),
        None => Arc::clone(&BUILT_IN),
    }
}

fn page(pack: &Pack, headers: &HeaderMap) -> Response {
    // The page names the files by their version, so it is asked for each time; mostly the answer is
    // that it is the same.
    let mut response = answer(pack.page(), "no-cache", headers);
    let more: [(HeaderName, &str); 2] =
        [(CONTENT_SECURITY_POLICY, pack.policy()), (REFERRER_POLICY, "no-referrer")];
    for (name, value) in more {
        value.parse().map(|value| response.headers_mut().insert(name, value)).ok();
    }
    response
}

fn file(pack: &Pack, version: &str, path: &str, headers: &HeaderMap) -> Response {
    let Some(held) = pack.file(path) else { return StatusCode::NOT_FOUND.into_response() };
    // A page that was opened before the binary changed still gets its files, but keeps none.
    let keep = match version == pack.version() && pack.is_built_in() {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    answer(held, keep, headers)
}

fn answer(held: &Held, keep: &'static str, headers: &HeaderMap) -> Response {
    let says = |name: HeaderName, word: &str| {
        headers.get_all(name).iter().any(|v| v.to_str().is_ok_and(|v| v.contains(word)))
    };
    let head = [
        (ETAG, &*held.etag),
        (CACHE_CONTROL, keep),
        (VARY, "accept-encoding"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if says(IF_NONE_MATCH, &held.etag) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    let kind = [(CONTENT_TYPE, held.kind)];
    match &held.gzip {
        Some(gzip) if says(ACCEPT_ENCODING, "gzip") => {
            (head, kind, [(CONTENT_ENCODING, "gzip")], Body::from(gzip.clone())).into_response()
        }
        _ => (head, kind, Body::from(held.plain.clone())).into_response(),
    }
}

#[cfg(test)]
mod tests;
