//! What goes wrong at an instant: the node's process, its disk, its clocks, whole switches.

use super::asks::Asked;
use super::edges::EdgeAct;
use super::plan::Trouble;
use super::{Act, World};
use crate::domain::switching::Happening;

impl World<'_> {
    /// Something goes wrong.
    pub(super) fn trouble(&mut self, trouble: Trouble) -> Result<(), String> {
        if self.is_calm() {
            return Ok(());
        }
        self.say(format!("!! {trouble:?}"));
        self.count(name(trouble));
        match trouble {
            Trouble::CrashBeforeSync | Trouble::CrashAfterSync | Trouble::CrashBetween => {
                self.crash_at(trouble);
            }
            Trouble::SyncForgets | Trouble::SyncKeeps | Trouble::DiskFull => {
                self.host.fail_next(trouble);
            }
            Trouble::Restart => return self.restart(),
            Trouble::DiskShort => {
                self.host.make_short(true);
                let ms = self.dice.between(500, 8_000);
                self.later(ms, Act::Room);
            }
            Trouble::Freeze => {
                let ms = self.dice.between(500, 20_000);
                self.now += ms;
                self.host.advance(ms);
            }
            Trouble::ClockStep => {
                let ms = self.dice.between(1, 90_000);
                let ms = i64::try_from(ms).unwrap_or(0);
                self.host.step_wall(if self.dice.once_in(2) { ms } else { -ms });
            }
            Trouble::SwitchRestart => self.switch_restart(),
            Trouble::LinkCut => {
                let edge = self.dice.below(self.edges.len());
                self.disconnect(edge);
            }
            Trouble::Configure => return self.configure(),
        }
        Ok(())
    }

    /// The process dies at one of the places where it hurts.
    fn crash_at(&mut self, trouble: Trouble) {
        while self.host.inbox() {}
        if let Some(node) = self.host.node() {
            match trouble {
                Trouble::CrashBeforeSync => {}
                Trouble::CrashBetween => {
                    let half = node.waiting() / 2;
                    node.journal(half);
                }
                _ => node.journal(usize::MAX),
            }
        }
        self.crash();
    }

    /// The process is gone: connections break, and after a while it starts again.
    pub(super) fn crash(&mut self) {
        if !self.host.is_up() {
            return;
        }
        self.host.kill();
        self.syncing = false;
        for asked in self.asks.broken() {
            if let Asked::Events { edge, life, post } = asked
                && self.edges[edge].life == life
            {
                self.at_edge(edge, 500, EdgeAct::Timeout(post));
            }
        }
        for edge in 0..self.edges.len() {
            self.disconnect(edge);
        }
        for person in &mut self.people {
            person.desk = None;
        }
        self.watchers.iter_mut().for_each(super::Watcher::cut);
        let long = self.dice.once_in(5);
        let ms = if long { self.dice.between(3_000, 20_000) } else { self.dice.between(0, 1_500) };
        self.later(ms, Act::Start);
    }

    /// The process starts on what the disk has.
    pub(super) fn start(&mut self) -> Result<(), String> {
        if self.host.is_up() {
            return Ok(());
        }
        self.host.restart(self.now)?;
        self.up_since = self.now;
        self.count("start");
        self.say(format!("the node starts at record {}", self.host.durable()));
        // The state recovered is the one that the records say, before anything is decided on it.
        self.follower.follow()?;
        for edge in 0..self.edges.len() {
            self.say_again(edge)?;
        }
        Ok(())
    }

    /// A clean stop: all that was decided is durable and out, and a snapshot is left.
    fn restart(&mut self) -> Result<(), String> {
        self.syncing = false;
        self.settle_node()?;
        if let Some(node) = self.host.node() {
            node.leave_snapshots();
        }
        self.crash();
        Ok(())
    }

    /// A switch starts anew. With boots its start tells so; without, the report of its calls does.
    fn switch_restart(&mut self) {
        let edge = self.dice.below(self.edges.len());
        self.edges[edge].restart();
        self.boot(edge);
        if !self.edges[edge].plan.boots {
            self.tell(edge, "", Happening::SwitchSync { calls: Vec::new() });
        }
    }
}

fn name(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::CrashBeforeSync => "crash before the sync",
        Trouble::CrashAfterSync => "crash after the sync",
        Trouble::CrashBetween => "crash between two batches",
        Trouble::SyncForgets => "sync fails and forgets",
        Trouble::SyncKeeps => "sync fails and keeps",
        Trouble::DiskFull => "disk full",
        Trouble::Restart => "clean restart",
        Trouble::DiskShort => "disk short",
        Trouble::Freeze => "machine stands still",
        Trouble::ClockStep => "wall clock stepped",
        Trouble::SwitchRestart => "switch restart",
        Trouble::LinkCut => "link cut",
        Trouble::Configure => "configuration changed",
    }
}
