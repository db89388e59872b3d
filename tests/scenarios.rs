//! Each rule as a story (`tests/scenarios/*.txt`, the language of `sim::step`), told by the model
//! and by the engine; both must tell it as the snapshot does.

use callboard::sim::driver::Driver;
use callboard::sim::model::Model;
use callboard::sim::scenario::{START, System, tell};
use std::path::Path;

fn scenarios() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("it can be read"))
        })
        .collect();
    found.sort();
    found
}

fn tell_all<S: System>(make: impl Fn() -> S) {
    let found = scenarios();
    assert!(found.len() >= 25, "only {} scenarios", found.len());
    let mut wrong = Vec::new();
    for (name, text) in found {
        match tell(make(), &text) {
            Ok(story) => insta::assert_snapshot!(name, story),
            Err(e) => wrong.push(format!("{name}: {e}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_model_tells_every_story() {
    tell_all(|| Model::new(START));
}

#[test]
fn the_engine_tells_every_story() {
    tell_all(Driver::new);
}
