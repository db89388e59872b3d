//! `docs/words.md` names every word of the wire and of the journal.

use crate::wire::dotted;
use crate::{snake, variants};
use callboard::domain::event::{Cause, OfferFailure, Outcome, Withdrawn};
use callboard::domain::input::When;
use callboard::domain::media::Media;
use callboard::domain::objects::account::{IdleClock, OptInAtLogin};
use callboard::domain::objects::calendar::Day;
use callboard::domain::objects::queue::{
    Exit, Needs, NobodyWhen, OnMiss, Order, Preset, QueueKind, Source, Ties, Window,
};
use callboard::domain::objects::switch::Connects;
use callboard::domain::objects::user::{Assignment, Role, UserKind, UserState};
use callboard::domain::objects::{Setting, SkipIf};
use callboard::domain::presence::{BlockedBy, Detail, HeldBy, Presence, Status};
use callboard::domain::rights::{Permission, Reach};
use callboard::domain::signing::{LinkPurpose, SessionEnd};
use callboard::domain::switching::{
    CancelReason, CommandFailure, Direction, EndedBy, FailReason, OverflowWhy, ResultStatus,
    SyncState, TransferKind,
};

const PAGE: &str = include_str!("../../docs/words.md");
const EVENTS: &str = include_str!("../../src/domain/event.rs");
const SWITCHING: &str = include_str!("../../src/domain/switching.rs");

/// The lines under a heading, up to the next of any depth.
fn section(heading: &str) -> &'static str {
    let start = format!("\n{heading}\n");
    let (_, rest) = PAGE.split_once(&start).unwrap_or_else(|| panic!("no heading {heading:?}"));
    rest.split("\n#").next().unwrap_or(rest)
}

/// Fails for each word that does not stand, as code, in a section.
fn assert_named(heading: &str, words: impl IntoIterator<Item = String>) {
    let text = section(heading);
    let missing: Vec<String> =
        words.into_iter().filter(|word| !text.contains(&format!("`{word}`"))).collect();
    assert!(missing.is_empty(), "docs/words.md, {heading}: {} missing", missing.join(", "));
}

/// The words of an enum, held against its section.
macro_rules! assert_words {
    ($($heading:literal: $($name:ty),+;)+) => {
        $($(assert_named($heading, <$name>::ALL.iter().map(|word| word.word().to_owned()));)+)+
    };
}

#[test]
fn every_word_stands_in_its_table() {
    assert_words! {
        "## Status, presence, detail": Status, Presence, Detail, When, Cause, OptInAtLogin;
        "## Why not": BlockedBy, HeldBy;
        "## How things end": Outcome, Withdrawn, OfferFailure, FailReason, CancelReason, EndedBy;
        "## Settings": Media, QueueKind, Needs, Order, Preset, OnMiss, NobodyWhen, Connects;
        "## Settings": Window, Ties, IdleClock, SkipIf, Day, Source;
        "## Settings": UserKind, UserState, Assignment, Role, Setting;
        "## Signing in": LinkPurpose, SessionEnd;
        "## Rights": Permission, Reach;
        "## Exits": Exit;
        "## Switches: events in": ResultStatus, TransferKind, OverflowWhy, Direction, SyncState;
        "## Switches: events in": CommandFailure;
    }
}

#[test]
fn every_event_of_the_journal_stands_in_its_table() {
    assert_named("## The journal's events", variants(EVENTS, "Event").iter().map(|v| snake(v)));
}

#[test]
fn every_event_and_command_of_switches_stands_in_its_table() {
    let events = variants(SWITCHING, "Happening");
    // What is kept under its own name has none of ours.
    let events = events.iter().filter(|variant| *variant != "Unknown");
    assert_named("## Switches: events in", events.map(|variant| dotted(variant)));
    let commands = variants(SWITCHING, "Effect");
    assert_named("## Switches: commands out", commands.iter().map(|variant| dotted(variant)));
}

#[test]
fn a_word_that_is_missing_is_noticed() {
    let nonsense = std::panic::catch_unwind(|| assert_named("## Exits", ["no_such_word".into()]));
    assert!(nonsense.is_err());
}
