//! Files that are written from the code, kept true: where one is out of date, the test writes it
//! anew and fails, so that the change is seen and committed.

use callboard::config::{self, Config, SETTINGS};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn keep_true(file: &str, text: &str) {
    let path = top().join(file);
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return;
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).expect("the folder can be made");
    }
    fs::write(&path, text).expect("the file can be written");
    panic!("{file} was out of date: it has been written anew; look at it and commit it");
}

#[test]
fn the_configuration_file_shows_every_key() {
    keep_true("config/callboard.toml", &config::manual());
}

#[test]
fn the_configuration_file_reads_as_the_defaults_with_its_comments_taken_away() {
    let is_setting = |line: &&str| !line.starts_with("# ") || line.contains(" = ");
    let text: String = config::manual()
        .lines()
        .filter(is_setting)
        .map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line)))
        .collect();
    assert_eq!(Config::read(Some(&text), []), Ok(Config::default()), "{text}");
    for setting in SETTINGS {
        let name = setting.key.rsplit('.').next().expect("a name");
        assert!(text.contains(&format!("{name} = ")), "{} is missing", setting.key);
    }
}

#[test]
fn the_openapi_document_is_what_is_served() {
    keep_true("docs/openapi.json", &callboard::api::openapi_json());
}

/// What `serve` says and its exit code, when it does not start.
fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.arg("serve").args(arguments).envs(environment.iter().copied());
    let output = command.output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn wrong_settings_stop_the_start_and_say_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("callboard.toml");
    fs::write(&file, "[journal]\nkeep_dais = 3\n").expect("written");
    let (code, said) = refused(&["--config", &file.display().to_string()], &[]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("did you mean journal.keep_days?"), "{said}");
    let (code, said) = refused(&["--listen", "0.0.0.0:0"], &[]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("--insecure"), "{said}");
    let (code, said) = refused(&[], &[("CALLBOARD_INBOX_CAPACITY", "few")]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("CALLBOARD_INBOX_CAPACITY must be a whole number"), "{said}");
    let (code, said) = refused(&["--tls-cert", "x"], &[]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("--tls-key"), "{said}");
    let (code, said) = refused(&["--tls-certificate", "x"], &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--tls-cert"), "{said}");
}

#[test]
fn a_taken_address_and_a_taken_folder_have_exit_codes_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, said) = refused(&["--data", &data, "--listen", &address], &[]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(&address), "{said}");
    let file = folder.path().join("file");
    fs::write(&file, "no folder").expect("written");
    let (code, said) = refused(&["--data", &file.display().to_string()], &[]);
    assert_eq!(code, Some(74), "{said}");
}

/// Every file of the product's source.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        // The simulated world refuses nobody.
        if path.ends_with("src/sim") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The words that the code gives to problems and wrong fields: the literals after the calls that
/// make them, up to the end of the sentence, in what is not test code.
fn codes() -> BTreeSet<String> {
    const MAKERS: &[&str] = &[
        "Problem::new(",
        "Problem::conflict(",
        "FieldError::new(",
        ".wrong(",
        ".wrong_here(",
        ".wrong_entry(",
        "rejected(",
    ];
    /// Of these only a literal at once is a code.
    const DIRECT: &[&str] = &["ok_or(\"", "Err(\""];
    let mut files = Vec::new();
    sources(&top().join("src"), &mut files);
    let mut found = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for maker in MAKERS {
            for after in text.split(maker).skip(1) {
                found.extend(code_in(after, 3));
            }
        }
        if !file.components().any(|part| part.as_os_str() == "cli") {
            for after in DIRECT.iter().flat_map(|maker| text.split(maker).skip(1)) {
                found.extend(code_in(&format!("\"{after}"), 1));
            }
        }
        // A code and its sentence, on their way to a call: `("type", format!(…))`.
        for before in text.split("\", format!(") {
            let code = before.rsplit('"').next().unwrap_or_default();
            found.extend(code_in(&format!("\"{code}\""), 1));
        }
    }
    found
}

/// The first literal, before the statement ends, that looks like a code: a pointer has a slash, a
/// sentence a blank.
fn code_in(text: &str, literals: usize) -> Option<String> {
    let text = &text[..text.find(';').unwrap_or(text.len())];
    let all = text.split('"').skip(1).step_by(2);
    let is_code =
        |text: &&str| text.len() > 3 && text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    all.take(literals).filter(is_code).map(str::to_owned).next()
}

/// The codes that `docs/errors.md` explains, each as a heading.
fn explained() -> BTreeSet<String> {
    let page = fs::read_to_string(top().join("docs/errors.md")).expect("the page");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    headings.map(|heading| heading.trim_matches('`').to_owned()).collect()
}

#[test]
fn every_error_code_is_explained() {
    let (codes, explained) = (codes(), explained());
    assert!(codes.len() > 30, "the search for codes has gone blind: {codes:?}");
    // Names of fields stand where codes do in calls that name the field first.
    let fields: BTreeSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let missing: Vec<_> = codes
        .iter()
        .filter(|code| !explained.contains(*code) && !fields.contains(*code))
        .filter(|code| !code.starts_with("callboard_"))
        .collect();
    assert!(missing.is_empty(), "docs/errors.md does not explain {missing:?}");
}

/// What the search finds besides: names of fields that stand before the code in a call, of query
/// fields, figures and words of other tables.
const NAMES: &[&str] = &[
    "mode",
    "clear",
    "team",
    "thresholds_ms",
    "figures",
    "folder",
    "users",
    "webhook",
    "details",
    "figure",
    "watch",
    "threshold_s",
    "figure",
    "from",
    "outcome",
    "zone",
    "callback",
    "date",
    "skip_if",
    "action",
    "after",
    "after_ms",
    "agents",
    "attributes",
    "capacity",
    "cursor",
    "events",
    "group",
    "max_ms",
    "offers",
    "on_exhausted",
    "on_max_wait",
    "on_max_waiting",
    "on_missed",
    "on_nobody",
    "on_total",
    "order",
    "permissions",
    "queue",
    "replayed",
    "ring_for_ms",
    "roles",
    "sequence",
    "skills",
    "source",
    "specversion",
    "steps",
    "strategy",
    "switch",
    "switch_call",
    "switch_put",
    "ties",
    "user",
    "width",
    "window",
];
