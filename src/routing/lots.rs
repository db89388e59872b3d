//! Lots: agents with weights, of whom one is found by a point on the line of all weights laid end
//! to end in the order of the agents' numbers. Adding, removing, measuring and finding take eight
//! steps each, however many agents there are.
//!
//! A draw is a point below the sum, even over all points: so an agent is drawn with probability
//! weight ÷ sum of the weights of those who can be drawn, exactly and at each draw, whoever was
//! drawn before and whoever came or went. (Keys drawn once, when an agent becomes free, would be
//! cheaper still, but those passed over stay behind those who come anew: no longer in proportion.)
//! Where no weight is left, all who are there have the same chance.

use crate::domain::ids::AgentIx;

/// A node's share: four bits of the agent's number.
const BITS: u32 = 4;
const FAN: usize = 1 << BITS;
/// Steps from the root to the leaves: all 32 bits.
const DEPTH: u32 = u32::BITS / BITS;

/// What is measured: weights, or heads where there is no weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Of weights.
    pub weight: u64,
    /// Of agents.
    pub heads: u64,
}

impl Sum {
    /// What a draw goes by: the weight, or the heads where nobody has any.
    #[must_use]
    pub fn line(self, by_heads: bool) -> u64 {
        if by_heads { self.heads } else { self.weight }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Sum) -> Sum {
        Sum { weight: self.weight + other.weight, heads: self.heads + other.heads }
    }

    /// Less another, which is part of it.
    #[must_use]
    pub fn less(self, other: Sum) -> Sum {
        Sum {
            weight: self.weight.saturating_sub(other.weight),
            heads: self.heads.saturating_sub(other.heads),
        }
    }
}

/// A node: the sums below each child. A child's number is 0 where there is none (the root is
/// nobody's child).
#[derive(Clone, Debug, Default)]
struct Node {
    sums: [Sum; FAN],
    children: [u32; FAN],
}

/// So many stand in a list: a group of equals is mostly one agent.
const FEW: usize = 16;

/// The agents with their weights.
#[derive(Clone, Debug, Default)]
pub struct Lots {
    /// By number, while they are few.
    few: Vec<(AgentIx, u64)>,
    /// All of them, once they were many.
    many: Option<Tree>,
}

impl Lots {
    /// Puts an agent in who is not there.
    pub fn add(&mut self, agent: AgentIx, weight: u64) {
        if let Some(tree) = &mut self.many {
            return tree.change(agent, one(weight), Sum::plus);
        }
        let at = self.few.partition_point(|(other, _)| *other < agent);
        self.few.insert(at, (agent, weight));
        if self.few.len() > FEW {
            let mut tree = Tree::default();
            for (agent, weight) in self.few.drain(..) {
                tree.change(agent, one(weight), Sum::plus);
            }
            self.many = Some(tree);
        }
    }

    /// Takes an agent out, put in with this weight.
    pub fn remove(&mut self, agent: AgentIx, weight: u64) {
        match &mut self.many {
            Some(tree) => tree.change(agent, one(weight), Sum::less),
            None => self.few.retain(|(other, _)| *other != agent),
        }
    }

    /// Of all.
    #[must_use]
    pub fn all(&self) -> Sum {
        match &self.many {
            Some(tree) => tree.all,
            None => self.few.iter().fold(Sum::default(), |sum, (_, w)| sum.plus(one(*w))),
        }
    }

    /// Of those with lower numbers, and of the agent itself.
    #[must_use]
    pub fn before(&self, agent: AgentIx) -> (Sum, Sum) {
        if let Some(tree) = &self.many {
            return tree.before(agent);
        }
        let mut sums = (Sum::default(), Sum::default());
        for (other, weight) in self.few.iter().filter(|(other, _)| *other <= agent) {
            let side = if *other < agent { &mut sums.0 } else { &mut sums.1 };
            *side = side.plus(one(*weight));
        }
        sums
    }

    /// Whose stretch of the line a point lies in; `None` beyond its end.
    #[must_use]
    pub fn at(&self, mut point: u64, by_heads: bool) -> Option<AgentIx> {
        if let Some(tree) = &self.many {
            return tree.at(point, by_heads);
        }
        let found = self.few.iter().find(|(_, weight)| {
            let length = one(*weight).line(by_heads);
            let here = point < length;
            point -= if here { 0 } else { length };
            here
        });
        found.map(|(agent, _)| *agent)
    }

    /// A point on the line of those who are left when some are taken out, as a point on the whole
    /// line. `out` is sorted by number.
    #[must_use]
    pub fn past(&self, out: &[AgentIx], mut point: u64, by_heads: bool) -> u64 {
        for agent in out {
            let (before, own) = self.before(*agent);
            if before.line(by_heads) <= point {
                point += own.line(by_heads);
            }
        }
        point
    }
}

/// One agent's share.
fn one(weight: u64) -> Sum {
    Sum { weight, heads: 1 }
}

/// A tree over the bits of the agents' numbers.
#[derive(Clone, Debug)]
struct Tree {
    nodes: Vec<Node>,
    all: Sum,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { nodes: vec![Node::default()], all: Sum::default() }
    }
}

fn digit(number: u32, level: u32) -> usize {
    (number >> ((DEPTH - 1 - level) * BITS)) as usize & (FAN - 1)
}

impl Tree {
    fn change(&mut self, agent: AgentIx, by: Sum, apply: fn(Sum, Sum) -> Sum) {
        self.all = apply(self.all, by);
        let mut at = 0;
        for level in 0..DEPTH {
            let child = digit(agent.0, level);
            self.nodes[at].sums[child] = apply(self.nodes[at].sums[child], by);
            if level + 1 == DEPTH {
                return;
            }
            if self.nodes[at].children[child] == 0 {
                self.nodes[at].children[child] = self.nodes.len() as u32;
                self.nodes.push(Node::default());
            }
            at = self.nodes[at].children[child] as usize;
        }
    }

    fn before(&self, agent: AgentIx) -> (Sum, Sum) {
        let (mut before, mut at) = (Sum::default(), 0);
        for level in 0..DEPTH {
            let node = &self.nodes[at];
            let child = digit(agent.0, level);
            before = node.sums[..child].iter().fold(before, |sum, next| sum.plus(*next));
            if level + 1 == DEPTH {
                return (before, node.sums[child]);
            }
            at = node.children[child] as usize;
            if at == 0 {
                break;
            }
        }
        (before, Sum::default())
    }

    fn at(&self, mut point: u64, by_heads: bool) -> Option<AgentIx> {
        let (mut number, mut at) = (0u32, 0);
        for level in 0..DEPTH {
            let node = &self.nodes[at];
            let child = node.sums.iter().position(|sum| {
                let length = sum.line(by_heads);
                let here = point < length;
                point -= if here { 0 } else { length };
                here
            })?;
            number = number << BITS | child as u32;
            if level + 1 < DEPTH {
                at = node.children[child] as usize;
            }
        }
        Some(AgentIx(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The same by a walk over a list.
    fn walk(list: &BTreeMap<u32, u64>, mut point: u64, by_heads: bool) -> Option<AgentIx> {
        for (agent, weight) in list {
            let length = if by_heads { 1 } else { *weight };
            if point < length {
                return Some(AgentIx(*agent));
            }
            point -= length;
        }
        None
    }

    proptest! {
        #[test]
        fn lots_find_whom_a_walk_finds_few_or_many(
            agents in proptest::collection::btree_map(
                prop_oneof![0u32..40, any::<u32>()], 0u64..9, 0..40),
            gone in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
            by_heads: bool,
        ) {
            let mut lots = Lots::default();
            agents.iter().for_each(|(agent, weight)| lots.add(AgentIx(*agent), *weight));
            let mut left = agents.clone();
            if !agents.is_empty() {
                for index in &gone[..gone.len() / 2] {
                    let agent = *agents.keys().nth(index.index(agents.len())).expect("within");
                    if let Some(weight) = left.remove(&agent) {
                        lots.remove(AgentIx(agent), weight);
                    }
                }
            }
            let line = lots.all().line(by_heads);
            for point in 0..=line {
                prop_assert_eq!(lots.at(point, by_heads), walk(&left, point, by_heads));
            }
            // And of those who stay when some are passed over.
            let mut out: Vec<u32> = Vec::new();
            if !left.is_empty() {
                let some = gone[gone.len() / 2..].iter();
                out = some.map(|i| *left.keys().nth(i.index(left.len())).expect("within")).collect();
                out.sort_unstable();
                out.dedup();
            }
            let out: Vec<AgentIx> = out.into_iter().map(AgentIx).collect();
            let rest: BTreeMap<u32, u64> =
                left.into_iter().filter(|(a, _)| !out.contains(&AgentIx(*a))).collect();
            let taken = out.iter().fold(Sum::default(), |sum, a| sum.plus(lots.before(*a).1));
            for point in 0..lots.all().less(taken).line(by_heads) {
                let found = lots.at(lots.past(&out, point, by_heads), by_heads);
                prop_assert_eq!(found, walk(&rest, point, by_heads));
            }
        }
    }
}
