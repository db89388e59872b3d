//! Two systems beside each other: where a history parts them, and the least of it that does.

use super::fact::Fact;
use super::scenario::{Moment, Runner, System};
use super::view;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What two systems do differently in a history: the line, and how.
#[derive(Clone, Debug)]
pub struct Apart {
    /// Index of the line.
    pub line: usize,
    /// In words.
    pub how: String,
    /// What kind of difference: the first words of what differs.
    pub kind: String,
}

/// Facts of the same instant: rings in their order, the rest as a set.
fn comparable(moments: &[Moment]) -> Vec<(i64, Vec<String>, Vec<String>)> {
    moments
        .iter()
        .filter_map(|(at, facts)| {
            // Whether what changed nothing is called a duplicate or ignored is no decision.
            let told = facts.iter().filter(|f| !matches!(f, Fact::NotTaken { .. }));
            let all = told.map(ToString::to_string);
            let (rings, mut rest): (Vec<_>, Vec<_>) = all.partition(|f| f.starts_with("ring "));
            rest.sort();
            (!rings.is_empty() || !rest.is_empty()).then_some((*at, rings, rest))
        })
        .collect()
}

fn words(moments: &[(i64, Vec<String>, Vec<String>)]) -> Vec<String> {
    let all = moments.iter().flat_map(|(_, rings, rest)| rings.iter().chain(rest));
    all.map(|f| f.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// The words that only one of two has, in order: enough to tell one difference from another.
fn kind_of(left: &[String], right: &[String]) -> String {
    let only = |a: &[String], b: &[String]| {
        let mut only: Vec<_> = a.iter().filter(|w| !b.contains(w)).cloned().collect();
        only.sort();
        only.dedup();
        only.join(",")
    };
    format!("{}/{}", only(left, right), only(right, left))
}

/// Runs a history against two systems, side by side; where they first part.
pub fn compare<A: System, B: System>(left: A, right: B, lines: &[String]) -> Option<Apart> {
    let (mut left, mut right) = (Runner::new(left), Runner::new(right));
    for (i, line) in lines.iter().enumerate() {
        let apart = |kind: &str, how: String| Some(Apart { line: i, how, kind: kind.to_owned() });
        let l = match left.line(line) {
            Ok(l) => l,
            Err(e) => return apart("left", format!("left: {e}")),
        };
        let r = match catch_unwind(AssertUnwindSafe(|| right.line(line))) {
            Ok(Ok(r)) => r,
            Ok(Err(e)) => return apart("right", format!("right: {e}")),
            Err(_) => return apart("panic", "right: panicked".to_owned()),
        };
        let (l, r) = (comparable(&l), comparable(&r));
        if l != r {
            let kind = kind_of(&words(&l), &words(&r));
            return apart(&kind, format!("{line}\nleft  {l:#?}\nright {r:#?}"));
        }
        let differ = view::difference(&left.system.view(), &right.system.view());
        if !differ.is_empty() {
            let kinds: Vec<_> = differ.iter().map(|d| d.split(' ').nth(1)).collect();
            return apart(&format!("{kinds:?}"), format!("{line}\n{}", differ.join("\n")));
        }
        let broken = right.system.broken();
        if !broken.is_empty() {
            return apart("broken", format!("{line}\nbroken: {broken:?}"));
        }
    }
    None
}

/// Drops lines for as long as the rest still fails.
pub fn shrink(lines: &[String], fails: &mut dyn FnMut(&[String]) -> bool) -> Vec<String> {
    let mut lines = lines.to_vec();
    let mut chunk = lines.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < lines.len() {
            let mut rest = lines.clone();
            rest.drain(at..(at + chunk).min(lines.len()));
            if fails(&rest) {
                lines = rest;
                shorter = true;
            } else {
                at += chunk;
            }
        }
        if !shorter || chunk > 1 {
            chunk /= 2;
        }
    }
    lines
}
