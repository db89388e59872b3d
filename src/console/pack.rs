//! The files of the console, made ready to be sent: hashed, compressed, the page with the version in
//! its addresses and the policy that lets its import map run.

use crate::console::PAGE;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;

/// In `index.html` the version is written so, and served from disk it stays so.
const UNVERSIONED: &str = "/console/-/";

/// One file, ready to be sent.
pub struct Held {
    /// Its media type.
    pub kind: &'static str,
    /// As it is.
    pub plain: Bytes,
    /// Compressed, where that is worth it.
    pub gzip: Option<Bytes>,
    /// The hash of its content, quoted.
    pub etag: String,
}

/// All files.
pub struct Pack {
    page: Held,
    policy: String,
    version: String,
    files: BTreeMap<String, Held>,
    built_in: bool,
}

impl Pack {
    /// The files of the binary.
    #[must_use]
    pub fn new(files: &[(&str, &[u8])]) -> Pack {
        let mut all = Sha256::new();
        for (path, content) in files {
            all.update(path.as_bytes());
            all.update(Sha256::digest(content));
        }
        Pack::versioned(files, hex(&all.finalize())[..16].to_owned(), true)
    }

    /// Files that may change at any time: nothing is to be kept.
    #[must_use]
    pub fn changing(files: &[(&str, &[u8])]) -> Pack {
        Pack::versioned(files, "-".to_owned(), false)
    }

    fn versioned(files: &[(&str, &[u8])], version: String, built_in: bool) -> Pack {
        let found = files.iter().find(|(path, _)| *path == PAGE);
        let page = found.map(|(_, page)| String::from_utf8_lossy(page)).unwrap_or_default();
        let page = page.replace(UNVERSIONED, &format!("/console/{version}/"));
        Pack {
            policy: policy(import_map(&page)),
            page: hold(PAGE, page.as_bytes(), built_in),
            version,
            files: files
                .iter()
                .map(|(path, content)| ((*path).to_owned(), hold(path, content, built_in)))
                .collect(),
            built_in,
        }
    }

    /// The page, wherever it stands.
    #[must_use]
    pub fn page(&self) -> &Held {
        &self.page
    }

    /// What the page may load and run.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// A hash over all files.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the files change with the binary only.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.built_in
    }

    /// A file by its path in `static/`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&Held> {
        self.files.get(path)
    }

    /// All files by path.
    #[cfg(test)]
    pub fn files(&self) -> impl Iterator<Item = (&str, &Held)> {
        self.files.iter().map(|(path, held)| (&**path, held))
    }
}

/// What stands between the tags of the import map, the one inline script.
fn import_map(page: &str) -> &str {
    let begin = page.split_once("<script type=\"importmap\">").map(|(_, rest)| rest);
    begin.and_then(|rest| rest.split_once("</script>")).map(|(map, _)| map).unwrap_or_default()
}

/// Nothing from elsewhere, nothing inline but the import map, no framing.
fn policy(import_map: &str) -> String {
    let hash = base64(&Sha256::digest(import_map.as_bytes()));
    format!(
        "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; media-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn hold(path: &str, content: &[u8], compress: bool) -> Held {
    let kind = kind(path);
    // A font is compressed already.
    let gzip = (compress && !path.ends_with(".woff2")).then(|| gzip(content)).flatten();
    let etag = format!("\"{}\"", &hex(&Sha256::digest(content))[..16]);
    Held { kind, plain: Bytes::copy_from_slice(content), gzip, etag }
}

fn gzip(content: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As a Content-Security-Policy writes hashes.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3)
            .fold(0_u32, |bits, i| (bits << 8) | u32::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
