//! The journal: one conformance suite for every kind, damage, full disks, crashes, copies.

#[path = "journal/common.rs"]
mod common;
#[path = "journal/conform.rs"]
mod conform;
