//! The formats that others read: the journal's records, what goes to switches, and the words of all
//! of it. A change shows here as a changed snapshot, and is a promise to old files and clients.

#[path = "formats/events.rs"]
mod events;
#[path = "formats/records.rs"]
mod records;
#[path = "formats/told.rs"]
mod told;
#[path = "formats/wire.rs"]
mod wire;
#[path = "formats/words.rs"]
mod words;

/// The variants of an enum, read from its source, so that a new one cannot be forgotten.
fn variants(source: &str, name: &str) -> Vec<String> {
    let head = format!("pub enum {name} {{");
    let body = source.split_once(&head).unwrap_or_else(|| panic!("no {head}")).1;
    let body = body.split_once("\n}").expect("an end").0;
    let of_line = |line: &str| {
        // Fields stand deeper.
        let name = line.strip_prefix("    ")?;
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        name.starts_with(|c: char| c.is_ascii_uppercase()).then(|| name[..end].to_owned())
    };
    body.lines().filter_map(of_line).collect()
}

/// `CallQueued` → `call_queued`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[test]
fn variants_are_read_from_the_source() {
    let source = "pub enum Other {\n    No,\n}\n\npub enum It {\n    /// A doc.\n    OneTwo,\n    \
                  Three {\n        Field: u8,\n    },\n    Four(Box<u8>),\n}\n";
    assert_eq!(variants(source, "It"), ["OneTwo", "Three", "Four"]);
    assert_eq!(snake("OneTwo"), "one_two");
}

/// A view that somebody has saved.
pub fn saved_view() -> Box<callboard::domain::objects::SavedView> {
    let shared = callboard::domain::objects::saved_view::SharedWith::Team;
    let (name, path) = ("Late shift".into(), "/live?show=busy".into());
    let zone = Some("Europe/Berlin".into());
    Box::new(callboard::domain::objects::SavedView { name, path, zone, shared })
}
