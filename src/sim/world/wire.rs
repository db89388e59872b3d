//! Between switches and node: posts and their answers, links, polls and webhooks, and what gets
//! lost, doubled and late on the way.

use super::asks::{Asked, Got, POLL, look};
use super::edges::{EdgeAct, Out};
use super::host::ACCOUNT;
use super::plan::Way;
use super::{Act, World};
use crate::domain::ids::Name;
use crate::domain::switching::{Command, Happening, SwitchEvent};
use crate::node::Taken;
use crate::node::stepped::Delivery;
use std::sync::Arc;

/// A switch looks after its connections this often, in milliseconds.
const UPKEEP_MS: u64 = 1_000;
/// A post without an answer is sent again after this.
const PATIENCE_MS: u64 = 1_000;

impl World<'_> {
    /// A switch has something to tell.
    pub(super) fn tell(&mut self, edge: usize, subject: &str, what: Happening) -> Option<String> {
        let event = self.edges[edge].event(subject, what);
        let id = event.id.clone();
        let line =
            format!("{} says {} of {subject:?}: {}", self.edges[edge].plan.id, id, kind(&event));
        if self.strikes("event lost", self.plan.odds.event_lost) {
            self.say(format!("{line}: lost"));
            return None;
        }
        self.say(line);
        self.count("event");
        self.edges[edge].outbox.push_back(Out { event, flying: 0 });
        self.post(edge);
        Some(id)
    }

    /// Sends what may go now.
    pub(super) fn post(&mut self, edge: usize) {
        let most = 1 + self.dice.below(5);
        for post in self.edges[edge].next_posts(most) {
            let odds = self.plan.odds;
            if self.strikes("request lost", odds.request_lost) {
                self.at_edge(edge, PATIENCE_MS, EdgeAct::Timeout(post));
                continue;
            }
            let late = self.strikes("request late", odds.request_late);
            let ms = if late { self.dice.between(100, 5_000) } else { 0 };
            if ms > PATIENCE_MS {
                // Its switch no longer waits for an answer when it comes.
                let strayed = self.edges[edge].stray(post);
                self.at_edge(edge, ms, EdgeAct::Reach(strayed));
                self.at_edge(edge, PATIENCE_MS, EdgeAct::Timeout(post));
            } else {
                self.at_edge(edge, ms, EdgeAct::Reach(post));
            }
            if self.strikes("request doubled", odds.request_doubled) {
                let ms = self.dice.between(0, 3_000);
                let strayed = self.edges[edge].stray(post);
                self.at_edge(edge, ms, EdgeAct::Reach(strayed));
            }
        }
    }

    /// A post is at the node's door.
    pub(super) fn reach(&mut self, edge: usize, post: u64) -> Result<(), String> {
        let Some(events) = self.edges[edge].carried(post) else { return Ok(()) };
        if !self.host.is_up() {
            self.at_edge(edge, PATIENCE_MS, EdgeAct::Timeout(post));
            return Ok(());
        }
        let life = self.edges[edge].life;
        let id = self.edges[edge].plan.id.clone();
        let by_reply = self.edges[edge].plan.way == Way::Replies || self.dice.once_in(4);
        let now = self.now;
        let ack = if by_reply { self.edges[edge].acknowledged(now) } else { None };
        let what = Asked::Events { edge, life, post };
        match self.asks.events(&mut self.host, what, &id, events, ack) {
            Some((what, got)) => self.answered(what, got),
            None => Ok(()),
        }
    }

    /// The node has answered a post.
    pub(super) fn posted(
        &mut self,
        (edge, life, post): (usize, u32, u64),
        taken: Taken,
    ) -> Result<(), String> {
        let now = self.now;
        let (results, commands) = match taken {
            Ok(taken) => taken,
            Err(problem) => {
                self.refused(&Asked::Events { edge, life, post }, &problem);
                self.at_edge(edge, PATIENCE_MS, EdgeAct::Timeout(post));
                return Ok(());
            }
        };
        for result in &results {
            let (status, code) = (result.status.word(), result.code.unwrap_or_default());
            self.say(format!("  {} is {status} {code}", result.id));
        }
        if self.edges[edge].life != life {
            return Ok(());
        }
        let events = self.edges[edge].posts.get(&post).cloned().unwrap_or_default();
        self.edges[edge].judge(now, &events, &results)?;
        self.leaving(edge, "an answer", &commands)?;
        if self.strikes("reply lost", self.plan.odds.reply_lost) {
            self.at_edge(edge, PATIENCE_MS, EdgeAct::Timeout(post));
        } else {
            self.at_edge(edge, 0, EdgeAct::Reply(post, results, commands));
        }
        Ok(())
    }

    /// Commands leave the node: each must be one that a durable record has caused.
    fn leaving(&self, edge: usize, way: &str, commands: &[Arc<Command>]) -> Result<(), String> {
        let switch = &self.edges[edge].plan.id;
        for command in commands {
            if !self.follower.knows(switch, command) {
                return Err(format!(
                    "{way} to {switch} holds what no durable record says: {command:?}"
                ));
            }
        }
        Ok(())
    }

    /// Commands on their way to a switch.
    fn carry(&mut self, edge: usize, way: &str, commands: Vec<Arc<Command>>) -> Result<(), String> {
        self.leaving(edge, way, &commands)?;
        let odds = self.plan.odds;
        if commands.is_empty() || self.strikes("commands lost", odds.commands_lost) {
            return Ok(());
        }
        let late = self.strikes("commands late", odds.commands_late);
        let ms = if late { self.dice.between(100, 4_000) } else { 0 };
        if self.strikes("commands doubled", odds.commands_doubled) {
            let again = self.dice.between(0, 3_000);
            self.at_edge(edge, again, EdgeAct::Commands(commands.clone()));
        }
        self.at_edge(edge, ms, EdgeAct::Commands(commands));
        Ok(())
    }

    /// What has come out of the node on links and to webhooks.
    pub(super) fn collect_commands(&mut self) -> Result<(), String> {
        for edge in 0..self.edges.len() {
            let mut arrays = Vec::new();
            while let Some(link) = &mut self.edges[edge].link {
                let next = look(std::pin::pin!(link.next()));
                match next {
                    Some(Some(commands)) => arrays.push(commands),
                    Some(None) => self.edges[edge].link = None,
                    None => break,
                }
            }
            for commands in arrays {
                self.carry(edge, "a link", commands)?;
            }
        }
        while let Some(delivery) = self.host.delivery() {
            self.delivery(delivery)?;
        }
        Ok(())
    }

    fn delivery(&mut self, delivery: Delivery) -> Result<(), String> {
        let of = self.edges.iter().position(|edge| edge.plan.id == *delivery.switch());
        let Some(edge) = of else { return Err("a delivery to an unknown switch".to_owned()) };
        self.leaving(edge, "a webhook", delivery.commands())?;
        let late = self.strikes("commands late", self.plan.odds.commands_late);
        let ms = if late { self.dice.between(100, 4_000) } else { self.dice.between(0, 5) };
        let number = self.edges[edge].number();
        self.edges[edge].deliveries.insert(number, delivery);
        self.at_edge(edge, ms, EdgeAct::Webhook(number));
        Ok(())
    }

    /// A delivery is at the webhook; one that is dropped was not taken.
    pub(super) fn webhook(&mut self, edge: usize, number: u64) -> Result<(), String> {
        let Some(delivery) = self.edges[edge].deliveries.remove(&number) else { return Ok(()) };
        if self.strikes("commands lost", self.plan.odds.commands_lost) {
            return Ok(());
        }
        let commands = delivery.commands().to_vec();
        self.carry_out(edge, &commands)?;
        if !self.strikes("reply lost", self.plan.odds.reply_lost) {
            delivery.taken(Vec::new());
        }
        Ok(())
    }

    /// Commands came: they are done, and acknowledged.
    pub(super) fn commanded(
        &mut self,
        edge: usize,
        commands: &[Arc<Command>],
    ) -> Result<(), String> {
        self.carry_out(edge, commands)?;
        let now = self.now;
        let id = self.edges[edge].plan.id.clone();
        let acked = self.edges[edge].acknowledged(now);
        if let (Some(seq), Some(handle), true) =
            (acked, self.host.handle(), self.edges[edge].link.is_some())
        {
            // One that is refused is said again with the next.
            let _ = handle.acknowledge(ACCOUNT, &id, seq);
        }
        Ok(())
    }

    /// Once a second: what connections need.
    pub(super) fn upkeep(&mut self, edge: usize) -> Result<(), String> {
        self.at_edge(edge, UPKEEP_MS, EdgeAct::Upkeep);
        let plan = self.edges[edge].plan.clone();
        if plan.beats && self.now / UPKEEP_MS % 8 == edge as u64 {
            self.tell(edge, "", Happening::SwitchHeartbeat);
        }
        self.post(edge);
        if !self.host.is_up() {
            return Ok(());
        }
        let (life, now) = (self.edges[edge].life, self.now);
        match plan.way {
            Way::Link if self.edges[edge].link.is_none() => self.open_link(edge, life, plan.id),
            Way::Poll => self.poll(edge, life, plan.id, now),
            Way::Link | Way::Webhook | Way::Replies => {
                let acked = self.edges[edge].acknowledged(now);
                if let (Some(seq), Some(handle)) = (acked, self.host.handle())
                    && plan.way != Way::Webhook
                {
                    let _ = handle.acknowledge(ACCOUNT, &plan.id, seq);
                }
                // One that only hears replies asks for what is still open, as after an outage.
                if plan.way == Way::Replies { self.poll(edge, life, plan.id, now) } else { Ok(()) }
            }
        }
    }

    fn open_link(&mut self, edge: usize, life: u32, id: Name) -> Result<(), String> {
        let what = Asked::Link { edge, life };
        if self.asks.has(&what) {
            return Ok(());
        }
        let asked = self.asks.other(&mut self.host, what, |handle| async move {
            Got::Link(handle.link_open(ACCOUNT, &id).await)
        });
        asked.map_or(Ok(()), |(what, got)| self.answered(what, got))
    }

    fn poll(&mut self, edge: usize, life: u32, id: Name, now: u64) -> Result<(), String> {
        let what = Asked::Poll { edge, life };
        if self.asks.has(&what) {
            return Ok(());
        }
        let after = self.edges[edge].acknowledged(now).unwrap_or(0);
        let asked = self.asks.other(&mut self.host, what, move |handle| async move {
            Got::Poll(handle.poll(ACCOUNT, &id, after, POLL).await)
        });
        asked.map_or(Ok(()), |(what, got)| self.answered(what, got))
    }

    /// A poll was answered; the next is made at once when there was something.
    pub(super) fn polled(
        &mut self,
        edge: usize,
        life: u32,
        commands: Vec<Arc<Command>>,
    ) -> Result<(), String> {
        if self.edges[edge].life != life {
            return Ok(());
        }
        self.carry(edge, "a poll", commands)
    }

    /// The node is gone, or the network: what was under way is to be sent again.
    pub(super) fn disconnect(&mut self, edge: usize) {
        let replays = self.edges[edge].plan.replays;
        self.edges[edge].link = None;
        self.edges[edge].deliveries.clear();
        let posts: Vec<u64> = self.edges[edge].posts.keys().copied().collect();
        for post in posts {
            self.edges[edge].land(post, replays);
        }
    }

    /// An event that was acknowledged some time ago comes once more.
    pub(super) fn say_again(&mut self, edge: usize) -> Result<(), String> {
        let fresh = self.now.saturating_sub(400_000);
        let known: Vec<SwitchEvent> = self.edges[edge]
            .known
            .iter()
            .filter(|(at, _)| *at > fresh)
            .map(|k| k.1.clone())
            .collect();
        if known.is_empty() || !self.host.is_up() {
            return Ok(());
        }
        let event = known[self.dice.below(known.len())].clone();
        self.say(format!("{} says {} once more", self.edges[edge].plan.id, event.id));
        self.count("event again");
        let what = Asked::Again { edge, life: self.edges[edge].life };
        let id = self.edges[edge].plan.id.clone();
        match self.asks.events(&mut self.host, what, &id, vec![event], None) {
            Some((what, got)) => self.answered(what, got),
            None => Ok(()),
        }
    }

    /// Something happens at a switch.
    pub(super) fn edge_act(&mut self, edge: usize, act: EdgeAct) -> Result<(), String> {
        match act {
            EdgeAct::Reach(post) => return self.reach(edge, post),
            EdgeAct::Timeout(post) => {
                let again = self.edges[edge].plan.replays && self.dice.once_in(3);
                if self.edges[edge].land(post, again) {
                    self.post(edge);
                }
            }
            EdgeAct::Reply(post, results, commands) => {
                self.edges[edge].land(post, false);
                let heard = |out: &Out| results.iter().any(|result| result.id == out.event.id);
                self.edges[edge].outbox.retain(|out| !heard(out));
                self.commanded(edge, &commands)?;
                self.post(edge);
            }
            EdgeAct::Commands(commands) => return self.commanded(edge, &commands),
            EdgeAct::Webhook(number) => return self.webhook(edge, number),
            EdgeAct::Upkeep => return self.upkeep(edge),
            EdgeAct::PickUp(offer) => self.pick_up(edge, offer),
            EdgeAct::Fails(offer, reason) => self.leg_fails(edge, offer, reason),
            EdgeAct::GiveUp(offer) => self.give_up(edge, offer),
            EdgeAct::Impatient(call) => self.impatient(edge, &call),
            EdgeAct::Over(call) => self.over(edge, &call),
            EdgeAct::Customer(call, offer, failure) => self.customer(edge, &call, offer, failure),
        }
        Ok(())
    }

    /// Begins the life of a switch.
    pub(super) fn boot(&mut self, edge: usize) {
        self.tell(edge, "", Happening::SwitchStarted { software: None });
        self.at_edge(edge, 0, EdgeAct::Upkeep);
    }

    /// Somebody calls, and the next caller after a while.
    pub(super) fn arrive(&mut self) {
        if self.is_calm() {
            return;
        }
        let gap = self.plan.gap_ms;
        let next = self.dice.between(0, 2 * gap);
        self.later(next, Act::Arrive);
        let edge = self.dice.below(self.edges.len());
        self.call_in(edge);
    }
}

/// An event's kind, for the log.
fn kind(event: &SwitchEvent) -> String {
    match &event.what {
        Happening::CallArrived(arrival) => format!("arrived for {:?}", arrival.target),
        Happening::SwitchSync { calls } => format!("sync of {}", calls.len()),
        other => format!("{other:?}"),
    }
}
