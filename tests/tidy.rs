//! Keeps the house in order: layers, forbidden things, sizes, headings. Reads the sources as text.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may use of the crate, from the layer table of `ARCHITECTURE.md`.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("routing", &["domain"]),
    ("journal", &["domain"]),
    ("reporting", &["domain"]),
    ("tls", &[]),
    ("switch", &["domain", "config", "tls"]),
    ("access", &["domain", "config"]),
    ("mail", &["domain", "config"]),
    ("engine", &["domain", "routing"]),
    ("live", &["domain", "reporting"]),
    (
        "node",
        &["domain", "config", "journal", "reporting", "switch", "access", "mail", "engine", "live"],
    ),
    ("api", &["domain", "config", "access", "live", "reporting", "switch", "node", "tls"]),
    ("console", &["domain", "config", "access", "live", "reporting", "switch", "node"]),
    // The simulated world may use all but the HTTP surface: its load generator speaks over sockets.
    (
        "sim",
        &[
            "domain",
            "config",
            "routing",
            "journal",
            "reporting",
            "switch",
            "access",
            "engine",
            "live",
            "node",
            "console",
            "tls",
        ],
    ),
];

const IO: &[&str] = &[
    "tokio",
    "std::fs",
    "std::process",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "axum",
    "hyper",
    "rusqlite",
    "async fn",
    ".await",
];
const LOCKS: &[&str] =
    &["Mutex", "RwLock", "Condvar", "thread_local", "std::thread", "crossbeam", "dashmap"];
const CLOCK: &[&str] = &["SystemTime", "Instant", "Timestamp::now", "Zoned::now"];
const UNSEEDED: &[&str] =
    &["rand::rng", "rand::random", "rand::make_rng", "ThreadRng", "thread_rng", "SysRng", "OsRng"];

/// What a module's code must not name, from the same table.
fn forbidden(module: &str) -> Vec<&'static [&'static str]> {
    match module {
        "domain" => vec![IO, LOCKS, CLOCK, &["rand::"]],
        "config" => vec![IO, LOCKS, CLOCK, &["rand::"]],
        "routing" | "engine" => vec![IO, LOCKS, CLOCK, UNSEEDED],
        // Reading a clock is forbidden everywhere but in one file: `only_one_file_reads_the_clock`.
        "reporting" | "journal" => vec![&["axum", "hyper"]],
        "node" => vec![&["axum", "hyper"]],
        _ => vec![],
    }
}

/// Files that may be longer than [`MAX_LINES`], each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];
const MAX_LINES: usize = 600;

/// The only file of the product that reads a clock.
const CLOCK_FILE: &str = "src/node/clock.rs";

#[test]
fn modules_use_only_their_layers() {
    let table: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in rust_files("src") {
        let Some(module) = module_of(&source) else { continue };
        let Some(allowed) = table.get(module.as_str()) else {
            wrong.push(format!("{}: module `{module}` is not in the layer table", source.name));
            continue;
        };
        for used in crate_paths(&source) {
            if used != module && table.contains_key(used.as_str()) && !allowed.contains(&&*used) {
                wrong.push(format!("{}: `{module}` may not use `{used}`", source.name));
            }
        }
    }
    assert_tidy(wrong);
}

#[test]
fn modules_hold_nothing_forbidden() {
    let mut wrong = Vec::new();
    for source in rust_files("src") {
        let Some(module) = module_of(&source) else { continue };
        for word in forbidden(&module).into_iter().flatten() {
            for line in lines_with(&source.product, word) {
                wrong.push(format!("{}:{line}: `{module}` must not contain `{word}`", source.name));
            }
        }
    }
    assert_tidy(wrong);
}

#[test]
fn only_one_file_reads_the_clock() {
    let mut wrong = Vec::new();
    for source in rust_files("src") {
        for word in ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"] {
            if source.name != CLOCK_FILE {
                for line in lines_with(&source.product, word) {
                    wrong.push(format!("{}:{line}: `{word}` outside {CLOCK_FILE}", source.name));
                }
            }
        }
    }
    assert_tidy(wrong);
}

#[test]
fn files_are_short_and_headed() {
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        if !source.text.starts_with("//!") {
            wrong.push(format!("{}: the first line must be `//! …`", source.name));
        }
        let lines = source.text.lines().count();
        let excused = LONG_FILES.iter().any(|(name, _)| *name == source.name);
        if lines > MAX_LINES && !excused {
            wrong.push(format!("{}: {lines} lines; split past {MAX_LINES}", source.name));
        }
        if lines <= MAX_LINES && excused {
            wrong.push(format!("{}: needs no exception in LONG_FILES any more", source.name));
        }
    }
    for (name, reason) in LONG_FILES {
        if !root().join(name).exists() || reason.is_empty() {
            wrong.push(format!("{name}: LONG_FILES names a missing file or no reason"));
        }
    }
    assert_tidy(wrong);
}

/// Types of the OpenAPI document are known by their names alone: of two with one name, one would be
/// described as the other.
#[test]
fn schemas_have_names_of_their_own() {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in rust_files("src") {
        for after in source.code.split("ToSchema").skip(1) {
            // Up to the type that the derive stands over; a mention elsewhere is followed by none.
            let Some(head) = after.strip_prefix(')').or_else(|| after.strip_prefix(",")) else {
                continue;
            };
            let head = head.split(['{', ';']).next().unwrap_or_default();
            let mut words = head.split_whitespace();
            if words.any(|word| word == "struct" || word == "enum") {
                let name = words.next().unwrap_or_default();
                let name = name.split(['<', '(']).next().unwrap_or_default().to_owned();
                homes.entry(name).or_default().push(source.name.clone());
            }
        }
    }
    assert!(homes.len() > 100, "the search for schemas has gone blind: {}", homes.len());
    let twice = homes.into_iter().filter(|(_, homes)| homes.len() > 1);
    assert_tidy(twice.map(|(name, homes)| format!("{name} stands in {homes:?}")).collect());
}

#[test]
fn nothing_is_left_to_do() {
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        for word in ["todo!", "unimplemented!", "#[ignore", "#[allow(dead_code)]"] {
            for line in lines_with(&source.code, word) {
                wrong.push(format!("{}:{line}: `{word}`", source.name));
            }
        }
    }
    assert_tidy(wrong);
}

#[test]
fn no_machine_and_no_registry_is_named() {
    // Put together at run time, so that this file passes its own test.
    let words: Vec<String> =
        [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("crates", ".io"), ("pypi", ".org")]
            .into_iter()
            .chain([("npmjs", ".org"), ("deb.debian", ".org"), ("registry", "+http")])
            .map(|(a, b)| format!("{a}{b}"))
            .collect();
    let mut wrong = Vec::new();
    for path in repository_files() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for word in &words {
            for line in lines_with(&text, word) {
                wrong.push(format!("{}:{line}: names `{word}`", path.display()));
            }
        }
    }
    assert_tidy(wrong);
}

/// A Rust file: its text, the same without comments and strings, and that without its unit tests.
struct Source {
    name: String,
    text: String,
    code: String,
    product: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn assert_tidy(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "untidy:\n  {}", wrong.join("\n  "));
}

fn rust_files(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    paths.iter().map(|path| read_source(path)).collect()
}

fn read_source(path: &Path) -> Source {
    let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{name}: {e}"));
    let code = without_comments_and_strings(&text);
    // Unit tests stand at the foot of their file, or in a file of their own beside it.
    let is_test = name.ends_with("/tests.rs") || name.ends_with("_tests.rs");
    let product = if is_test { "" } else { code.split("#[cfg(test)]\nmod ").next().unwrap_or("") };
    let product = product.to_owned();
    Source { name, text, code, product }
}

/// Every text file of the repository but what is built or locked.
fn repository_files() -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if matches!(&*name, "target" | ".git" | "Cargo.lock" | "LICENSE") {
            continue;
        }
        if entry.path().is_dir() {
            walk(&entry.path(), &mut paths)
        } else {
            paths.push(entry.path())
        }
    }
    // What fuzzing leaves behind.
    paths.retain(|path| !LEFT_BY_FUZZING.iter().any(|left| path.starts_with(root().join(left))));
    paths.iter().map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
}

const LEFT_BY_FUZZING: &[&str] =
    &["fuzz/target", "fuzz/Cargo.lock", "fuzz/corpus", "fuzz/artifacts"];

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    // What the console's tests have installed is reached by a link, and not of this repository.
    for path in entries.into_iter().filter(|path| !path.is_symlink()) {
        if path.is_dir() { walk(&path, into) } else { into.push(path) }
    }
}

/// `src/engine/calls.rs` and `src/engine.rs` belong to `engine`; `lib.rs`, `main.rs` and the command
/// line's own files to none: they may use all.
fn module_of(source: &Source) -> Option<String> {
    let inside = source.name.strip_prefix("src/")?;
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    (!matches!(module, "lib" | "main" | "cli" | "bin")).then(|| module.to_owned())
}

/// The top-level modules that a file names: after `crate::`, after as many `super::` as lead to the
/// root, and inside the braces that may follow either.
fn crate_paths(source: &Source) -> Vec<String> {
    let inside = source.name.trim_start_matches("src/").trim_end_matches("/mod.rs");
    let depth = inside.trim_end_matches(".rs").split('/').count();
    let mut found = Vec::new();
    for prefix in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in source.product.match_indices(&prefix) {
            let before = source.product[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '$' && c != ':') {
                first_names(&source.product[at + prefix.len()..], &mut found);
            }
        }
    }
    found
}

fn first_names(rest: &str, into: &mut Vec<String>) {
    let Some(group) = rest.strip_prefix('{') else {
        into.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        return;
    };
    let (mut depth, mut name, mut naming) = (0, String::new(), true);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                into.push(std::mem::take(&mut name));
                naming = true;
            }
            c if depth == 0 && naming && (c.is_alphanumeric() || c == '_') => name.push(c),
            c if depth == 0 && !c.is_whitespace() => naming = false,
            _ => {}
        }
    }
    into.push(name);
}

/// Line numbers, from 1, on which `word` stands, not as the tail of a longer name.
fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let name_char = |c: char| c.is_alphanumeric() || c == '_';
    let begins_a_name = word.starts_with(name_char);
    let holds = |line: &str| {
        line.match_indices(word)
            .any(|(at, _)| !begins_a_name || !line[..at].chars().next_back().is_some_and(name_char))
    };
    text.lines().enumerate().filter(|(_, line)| holds(line)).map(|(i, _)| i + 1).collect()
}

/// Blanks comments and the insides of string literals; line numbers stay as they are.
fn without_comments_and_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 2;
            rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len())
        } else if c == '"' {
            string_end(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else {
            0
        };
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            rest = &rest[skipped..];
        }
    }
    out
}

fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.chars().take_while(|c| *c == '#').count();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn string_end(rest: &str) -> usize {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn the_readers_of_this_file_see_what_they_should() {
    let text = "use crate::{domain::{a, b}, engine, live::x};\nuse super::super::node::N;\n// todo!\nlet s = \"crate::api::z\"; let q = '\"'; let r = r#\"crate::api\"#;\n#[cfg(test)]\nmod tests { use crate::sim::w; }\n";
    let code = without_comments_and_strings(text);
    let product = code.split("#[cfg(test)]\nmod ").next().unwrap().to_owned();
    let name = "src/journal/sqlite.rs".to_owned();
    let source = Source { name, text: text.to_owned(), code, product };
    assert_eq!(crate_paths(&source), ["domain", "engine", "live", "node"]);
    assert_eq!(module_of(&source).as_deref(), Some("journal"));
    assert_eq!(lines_with("a todo!\nxtodo!\n", "todo!"), [1]);
    assert!(lines_with(&source.code, "todo!").is_empty());
}
