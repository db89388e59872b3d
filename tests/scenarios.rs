//! Each rule as a story (`tests/scenarios/*.txt`, the language of `sim::step`), told by the model
//! and by the engine; both must tell it as the snapshot does.

use callboard::sim::driver::Driver;
use callboard::sim::model::Model;
use callboard::sim::scenario::{START, tell};
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

#[test]
fn the_model_tells_every_story() {
    let found = scenarios();
    assert!(found.len() >= 25, "only {} scenarios", found.len());
    for (name, text) in found {
        let story = tell(Model::new(START), &text).unwrap_or_else(|e| panic!("{name}: {e}"));
        insta::assert_snapshot!(name, story);
    }
}

/// Told line by line as the model does, whose stories are the snapshots; all that differ at once.
#[test]
fn the_engine_tells_every_story() {
    let mut wrong = String::new();
    for (name, text) in scenarios() {
        let told = tell(Driver::new(), &text).unwrap_or_else(|e| format!("failed: {e}\n"));
        let model = tell(Model::new(START), &text).unwrap_or_default();
        if told != model {
            let first = told.lines().zip(model.lines()).position(|(a, b)| a != b).unwrap_or(0);
            let from = first.saturating_sub(3);
            let part =
                |story: &str| story.lines().skip(from).take(8).collect::<Vec<_>>().join("\n");
            wrong.push_str(&format!(
                "== {name}\n-- snapshot:\n{}\n-- engine:\n{}\n",
                part(&model),
                part(&told)
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
