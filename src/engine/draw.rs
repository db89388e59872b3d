//! Drawing who is first: the orders `random` and `weighted`, and `ties: random`. The lots are kept
//! beside each index and filled as it is, so that a draw costs the same on any floor.

use super::Engine;
use super::derived::QueueIndex;
use super::refresh::settle_queue;
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, NeedIx, QueueIx};
use crate::domain::objects::Queue;
use crate::domain::objects::queue::Plan;
use crate::domain::switching::Drawn;
use crate::routing::dice::Dice;
use crate::routing::lots::{Lots, Sum};
use crate::routing::{self, Key};
use std::collections::{BTreeMap, BTreeSet};

/// Of an index: those who are alike, the first first, with their weights.
pub type Groups = BTreeMap<u64, Lots>;

/// An agent was put into an index.
pub fn enter(groups: &mut Groups, plan: &Plan, key: Key, ix: AgentIx) {
    if let Some((group, weight)) = routing::lot(plan, key) {
        groups.entry(group).or_default().add(ix, weight);
    }
}

/// An agent was taken out of an index, where it stood at this key.
pub fn leave(groups: &mut Groups, plan: &Plan, key: Key, ix: AgentIx) {
    let Some((group, weight)) = routing::lot(plan, key) else { return };
    if let Some(lots) = groups.get_mut(&group) {
        lots.remove(ix, weight);
        if lots.all().heads == 0 {
            groups.remove(&group);
        }
    }
}

/// Whether the lots hold just those of an index.
#[must_use]
pub fn holds(groups: &Groups, plan: &Plan, index: &BTreeSet<(Key, AgentIx)>) -> bool {
    let lots = index.iter().filter_map(|(key, ix)| Some((*ix, routing::lot(plan, *key)?)));
    let mut sums: BTreeMap<u64, Sum> = BTreeMap::new();
    for (ix, (group, weight)) in lots {
        let own = Sum { weight, heads: 1 };
        let sum = sums.entry(group).or_default();
        *sum = sum.plus(own);
        if groups.get(&group).is_none_or(|lots| lots.before(ix).1 != own) {
            return false;
        }
    }
    groups.len() == sums.len() && sums.iter().all(|(group, sum)| groups[group].all() == *sum)
}

/// One who is to be offered the call, and how that was found.
#[derive(Clone, Copy, Debug)]
pub struct Chosen {
    /// Who.
    pub agent: AgentIx,
    /// The draw, and how many numbers it has taken from the dice with all before.
    pub drawn: Option<(Drawn, u64)>,
}

impl Engine {
    /// Up to `most` candidates in the order in which they are drawn, each from those who are left.
    /// Where only one is left nothing is drawn. `out`: those who are none.
    pub(super) fn draw(
        &mut self,
        mut out: Vec<AgentIx>,
        queue: QueueIx,
        need: NeedIx,
        most: usize,
    ) -> Vec<Chosen> {
        let sources: Vec<QueueIx> = self.sources(queue, need).collect();
        for from in &sources {
            settle_queue(&self.state, &mut self.derived, *from);
        }
        out.sort_unstable();
        out.dedup();
        let mut dice = self.state.dice.unwrap_or_default();
        let mut chosen: Vec<Chosen> = Vec::new();
        while chosen.len() < most {
            let index = |from: &QueueIx| &self.derived.index[from.at()];
            let groups: Vec<&Groups> =
                sources.iter().filter_map(|from| groups(index(from), need, queue)).collect();
            let Some((agent, drawn)) = pick_first(&groups, &out, &mut dice) else { break };
            chosen.push(Chosen { agent, drawn: drawn.map(|drawn| (drawn, dice.taken)) });
            let at = out.partition_point(|other| *other < agent);
            out.insert(at, agent);
        }
        chosen
    }

    /// Before a queue that draws is there: the account's dice begin, if they have not.
    pub(super) fn seed_dice(&mut self, queue: &Queue) {
        if queue.plan.draws() && self.state.dice.is_none() {
            self.emit(Event::DiceSeeded { seed: self.seed });
        }
    }
}

/// The lots of a queue's members who meet a requirement of calls of `home`.
fn groups(index: &QueueIndex, need: NeedIx, home: QueueIx) -> Option<&Groups> {
    if need == NeedIx(0) {
        return Some(&index.groups);
    }
    index.by_need.iter().find(|n| n.need == need && n.home == home).map(|n| &n.groups)
}

/// One of the first group in which somebody is not out, of all queues whose members may be drawn.
fn pick_first(
    all: &[&Groups],
    out: &[AgentIx],
    dice: &mut Dice,
) -> Option<(AgentIx, Option<Drawn>)> {
    let mut rest: Vec<_> = all.iter().map(|groups| groups.iter().peekable()).collect();
    loop {
        let first = rest.iter_mut().filter_map(|groups| Some(*groups.peek()?.0)).min()?;
        let lots: Vec<&Lots> = rest
            .iter_mut()
            .filter_map(|groups| groups.next_if(|(group, _)| **group == first))
            .map(|(_, lots)| lots)
            .collect();
        if let Some(found) = pick(&lots, out, dice) {
            return Some(found);
        }
    }
}

/// One of a group who is not out; no draw where there is no choice. The lots of several queues lie
/// end to end.
fn pick(lots: &[&Lots], out: &[AgentIx], dice: &mut Dice) -> Option<(AgentIx, Option<Drawn>)> {
    let left = |lots: &Lots| {
        let gone = out.iter().fold(Sum::default(), |sum, agent| sum.plus(lots.before(*agent).1));
        lots.all().less(gone)
    };
    let all = lots.iter().fold(Sum::default(), |sum, lots| sum.plus(left(lots)));
    // Without any weight all have the same chance.
    let by_heads = all.weight == 0;
    let of = all.line(by_heads);
    if all.heads == 0 {
        return None;
    }
    let point = if all.heads == 1 { 0 } else { dice.below(of) };
    let mut at = point;
    for lots in lots {
        let length = left(lots).line(by_heads);
        if at < length {
            let agent = lots.at(lots.past(out, at, by_heads), by_heads)?;
            return Some((agent, (all.heads > 1).then_some(Drawn { point, of })));
        }
        at -= length;
    }
    None
}
