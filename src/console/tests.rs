//! The files of the console: that they are all there, small, and served as they should be.

use super::*;
use crate::console::pack::hex;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path as FilePath;

fn folder() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("src/console/static")
}

/// What is in the folder and not for the browser.
fn is_for_people(path: &str) -> bool {
    path.ends_with(".d.ts") || path.ends_with(".md") || path.ends_with(".txt")
}

/// A new file is in the binary once it stands in the table; this writes the table anew.
#[test]
fn the_table_holds_the_folder() {
    let mut paths = Vec::new();
    disk::walk(&folder(), &mut paths);
    let mut names: Vec<String> = paths
        .iter()
        .map(|path| path.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned())
        .filter(|path| !is_for_people(path))
        .collect();
    names.sort();
    let had: Vec<&str> = files::FILES.iter().map(|(path, _)| *path).collect();
    if had == names {
        return;
    }
    let rows: String = names.iter().map(|name| format!("    \"{name}\",\n")).collect();
    let file = folder().with_file_name("files.rs");
    let text = fs::read_to_string(&file).unwrap();
    let (head, _) = text.split_once("files![\n").unwrap();
    fs::write(&file, format!("{head}files![\n{rows}];\n")).unwrap();
    panic!("src/console/files.rs was out of date: it has been written anew; commit it");
}

#[test]
fn every_file_that_a_file_names_is_there() {
    let there = |path: &str| files::FILES.iter().any(|(name, _)| *name == path);
    for (name, content) in files::FILES {
        if name.starts_with("vendor/") || name.ends_with(".woff2") {
            continue;
        }
        let text = std::str::from_utf8(content).unwrap();
        for part in text.split(['"', '\'']) {
            if let Some(path) = part.strip_prefix("/console/-/") {
                assert!(there(path), "{name} names {part}");
            }
            let is_module = part.ends_with(".js") && part.starts_with('.');
            if is_module && !part.contains(char::is_whitespace) {
                let mut at: Vec<&str> = name.split('/').collect();
                at.pop();
                for step in part.split('/') {
                    match step {
                        "." => {}
                        ".." => drop(at.pop()),
                        step => at.push(step),
                    }
                }
                assert!(there(&at.join("/")), "{name} names {part}");
            }
        }
    }
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    let page = String::from_utf8(BUILT_IN.page().plain.to_vec()).unwrap();
    for wrong in ["<style", "style=", "onclick", "http://", "https://", "<script>", "/console/-/"] {
        assert!(!page.contains(wrong), "the page holds {wrong:?}");
    }
    assert!(page.contains(&format!("/console/{}/app/main.js", BUILT_IN.version())));
    let policy = BUILT_IN.policy();
    assert!(
        policy.contains("script-src 'self' 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
}

/// The hash of the import map is worked out as the standard says: this one is known.
#[test]
fn the_policy_s_hash_is_that_of_the_import_map() {
    let page: &[u8] = b"<script type=\"importmap\">doSomething();</script>";
    let pack = Pack::changing(&[("index.html", page)]);
    let known = "'sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc='";
    assert!(pack.policy().contains(known), "{}", pack.policy());
}

#[test]
fn what_others_wrote_is_what_the_table_says() {
    let table = fs::read_to_string(folder().join("vendor/VENDOR.md")).unwrap();
    let vendored = files::FILES.iter().filter(|(path, _)| path.starts_with("vendor/"));
    let mut seen = 0;
    for (path, content) in vendored {
        let name = path.trim_start_matches("vendor/");
        let row = table.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} is not in VENDOR.md"));
        assert!(row.contains(&hex(&Sha256::digest(content))), "{name} is not what VENDOR.md says");
        seen += 1;
    }
    assert_eq!(seen, table.lines().filter(|line| line.starts_with("| `")).count());
}

/// What the largest page loads, compressed: all that is common, and the page's own file, which is
/// fetched when it is first shown.
#[test]
fn no_page_is_large() {
    const MOST: usize = 150_000;
    const AT_ONCE: &[&str] = &["app/pages/live.js", "app/pages/signin.js"];
    let (mut common, mut largest) = (0, ("", 0));
    for (path, held) in BUILT_IN.files() {
        let size = held.gzip.as_ref().map_or(held.plain.len(), bytes::Bytes::len);
        if path.starts_with("app/pages/") && !AT_ONCE.contains(&path) {
            largest = if size > largest.1 { (path, size) } else { largest };
        } else {
            common += size;
        }
    }
    let (path, size) = largest;
    println!("a page is {common} bytes at least, {} with {path}", common + size);
    assert!(common + size < MOST, "{common} bytes, and {size} of {path}");
}

#[test]
fn files_are_kept_for_ever_and_the_page_is_asked_for() {
    let head = |text: Response, name: HeaderName| {
        text.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    let mut asked = HeaderMap::new();
    asked.insert(ACCEPT_ENCODING, "br, gzip".parse().unwrap());
    let main = |version: &str, asked: &HeaderMap| file(&BUILT_IN, version, "app/main.js", asked);
    let now = BUILT_IN.version();
    assert!(head(main(now, &asked), CACHE_CONTROL).unwrap().contains("immutable"));
    assert_eq!(head(main("0123", &asked), CACHE_CONTROL).unwrap(), "no-cache");
    assert_eq!(head(main(now, &asked), CONTENT_ENCODING).as_deref(), Some("gzip"));
    assert_eq!(head(main(now, &HeaderMap::new()), CONTENT_ENCODING), None);
    assert_eq!(file(&BUILT_IN, now, "app/none.js", &asked).status(), StatusCode::NOT_FOUND);
    let etag = head(page(&BUILT_IN, &asked), ETAG).unwrap();
    assert_eq!(head(page(&BUILT_IN, &asked), CACHE_CONTROL).unwrap(), "no-cache");
    asked.insert(IF_NONE_MATCH, etag.parse().unwrap());
    assert_eq!(page(&BUILT_IN, &asked).status(), StatusCode::NOT_MODIFIED);
}

#[test]
fn from_disk_a_file_is_as_it_is_now_and_nothing_above_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("app")).unwrap();
    fs::write(folder.path().join("app/main.js"), "1").unwrap();
    let read = |path: &str| disk::read(folder.path(), path).file(path).map(|f| f.plain.to_vec());
    assert_eq!(read("app/main.js"), Some(b"1".to_vec()));
    fs::write(folder.path().join("app/main.js"), "2").unwrap();
    assert_eq!(read("app/main.js"), Some(b"2".to_vec()));
    for outside in ["../Cargo.toml", "/etc/hostname", "app/../../x", "none.js"] {
        assert_eq!(read(outside), None, "{outside}");
    }
}
