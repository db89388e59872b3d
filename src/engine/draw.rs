//! Drawing who is first: the orders `random` and `weighted`, and `ties: random`. The lots are kept
//! beside each index and filled as it is, so that a draw costs the same on any floor.

use super::Engine;
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
        settle_queue(&self.state, &mut self.derived, queue);
        out.sort_unstable();
        out.dedup();
        let mut dice = self.state.dice.unwrap_or_default();
        let mut chosen: Vec<Chosen> = Vec::new();
        while chosen.len() < most {
            let index = &self.derived.index[queue.at()];
            let groups = if need == NeedIx(0) {
                Some(&index.groups)
            } else {
                index.by_need.iter().find(|n| n.need == need).map(|n| &n.groups)
            };
            let first =
                groups.into_iter().flatten().find_map(|(_, lots)| pick(lots, &out, &mut dice));
            let Some((agent, drawn)) = first else { break };
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

/// One of a group who is not out; no draw where there is no choice.
fn pick(lots: &Lots, out: &[AgentIx], dice: &mut Dice) -> Option<(AgentIx, Option<Drawn>)> {
    let gone = out.iter().fold(Sum::default(), |sum, agent| sum.plus(lots.before(*agent).1));
    let left = lots.all().less(gone);
    // Without any weight all have the same chance.
    let by_heads = left.weight == 0;
    let of = left.line(by_heads);
    if left.heads == 0 {
        return None;
    }
    let point = if left.heads == 1 { 0 } else { dice.below(of) };
    let agent = lots.at(lots.past(out, point, by_heads), by_heads)?;
    Some((agent, (left.heads > 1).then_some(Drawn { point, of })))
}
