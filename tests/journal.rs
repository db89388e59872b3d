//! The journal: one conformance suite for every kind, damage, full disks, crashes, copies.

#[path = "journal/common.rs"]
mod common;
#[path = "journal/conform.rs"]
mod conform;
#[path = "journal/copies.rs"]
mod copies;
#[path = "journal/damage.rs"]
mod damage;
#[path = "journal/faults.rs"]
mod faults;
#[path = "journal/folder.rs"]
mod folder;
#[path = "journal/pipeline.rs"]
mod pipeline;
