//! The examples of `docs/routing.md`, run as they stand there by the model and by the engine.

use callboard::sim::driver::Driver;
use callboard::sim::model::Model;
use callboard::sim::scenario::{START, tell};

const PAGE: &str = include_str!("../docs/routing.md");

#[test]
fn every_example_of_the_page_does_what_it_says() {
    let blocks: Vec<&str> = PAGE
        .split("```scenario\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    assert!(blocks.len() >= 12, "only {} examples", blocks.len());
    for block in blocks {
        let model = tell(Model::new(START), block).unwrap_or_else(|e| panic!("{e}\n{block}"));
        let engine = tell(Driver::new(), block).unwrap_or_else(|e| panic!("{e}\n{block}"));
        assert_eq!(engine, model, "{block}");
    }
}

#[test]
fn every_order_and_preset_stands_on_the_page() {
    use callboard::domain::objects::queue::{Order, Preset, Ties, Window};
    let words = Order::ALL.iter().map(|order| order.word());
    let words = words.chain(Preset::ALL.iter().map(|preset| preset.word()));
    let words = words.chain(Window::ALL.iter().map(|window| window.word()));
    let words = words.chain(Ties::ALL.iter().map(|ties| ties.word()));
    let missing: Vec<&str> = words
        .filter(|word| !PAGE.contains(&format!("`{word}`")) && !PAGE.contains(&format!("={word}")))
        .collect();
    assert!(missing.is_empty(), "docs/routing.md does not name {missing:?}");
}
