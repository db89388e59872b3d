//! The commands of one switch that it has not acknowledged, and the ways to it. The state behind it
//! is the engine's; this is a cache that a restart fills again.

use crate::domain::ids::{CallId, CommandId, Name};
use crate::domain::objects::Switch;
use crate::domain::switching::Command;
use crate::domain::time::Millis;
use crate::node::pipeline::{Commands, ReplyTo};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The first repetition comes after this; each later one after twice as long.
const REPEAT_MS: u64 = 1_000;

/// Repetitions are looked for at most this often.
const GRAIN_MS: u64 = 20;

/// From this many goes over a link without an acknowledgement, the webhook is tried as well.
const DOUBT: u32 = 3;

/// Failed deliveries in a row after which the switch counts as unreachable.
const UNREACHABLE: u32 = 3;

/// A sign of life is reported at most this often.
const SPOKE_EACH_MS: u64 = 10_000;

/// A switch's way out.
#[derive(Default)]
pub(super) struct Line {
    open: VecDeque<Open>,
    /// The highest sequence seen.
    last: u64,
    /// All up to here are acknowledged, as far as was reported.
    reported: u64,
    links: Vec<(u64, mpsc::Sender<Commands>)>,
    polls: Vec<Poll>,
    config: Option<Arc<Switch>>,
    posting: bool,
    failures: u32,
    spoke_at: Option<Millis>,
}

struct Open {
    command: Arc<Command>,
    goes: u32,
    /// Goes out (again) from then on.
    next_at: Millis,
    posting: bool,
    done: bool,
    /// Its last delivery failed: it goes with the next, so that nothing overtakes it.
    lost: bool,
}

struct Poll {
    after: u64,
    until: Millis,
    reply: ReplyTo<Commands>,
}

/// A delivery to be posted.
pub(super) struct Parcel {
    /// Where to: it has a webhook.
    pub config: Arc<Switch>,
    pub commands: Commands,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// Taken, but for those that failed (which are done with as well).
    Taken,
    /// Not taken.
    Failed,
}

/// What the engine must hear after a delivery.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// All commands up to here are done.
    pub acknowledged: Option<u64>,
    /// Three deliveries in a row failed.
    pub unreachable: bool,
    /// It lives.
    pub spoke: bool,
}

impl Line {
    /// Takes in new commands of one record. `replied`: they stand in the reply to the switch's own
    /// request, which counts as their first go.
    pub fn add(
        &mut self,
        now: Millis,
        commands: impl Iterator<Item = Arc<Command>>,
        replied: bool,
    ) {
        let by_reply = replied && self.links.is_empty();
        for command in commands {
            self.last = self.last.max(command.seq);
            let (goes, next_at) = if by_reply { (1, now.plus(REPEAT_MS)) } else { (0, now) };
            self.open.push_back(Open {
                command,
                goes,
                next_at,
                posting: false,
                done: false,
                lost: false,
            });
        }
    }

    /// How the switch is set up from now on; without a configuration it is gone: its links end, and
    /// its commands have nobody to go to.
    pub fn configure(&mut self, config: Option<&Arc<Switch>>) {
        match config {
            Some(config) => self.config = Some(Arc::clone(config)),
            None => *self = Line::default(),
        }
    }

    fn has_webhook(&self) -> bool {
        self.config.as_ref().is_some_and(|config| config.webhook.is_some())
    }

    /// Everything up to `seq` is done.
    pub fn acknowledge(&mut self, seq: u64) {
        self.reported = self.reported.max(seq);
        while self.open.front().is_some_and(|open| open.command.seq <= seq) {
            self.open.pop_front();
        }
    }

    /// This one is done with: the switch cannot do it.
    pub fn drop_failed(&mut self, id: CommandId) {
        if let Some(open) = self.open.iter_mut().find(|open| open.command.id == id) {
            open.done = true;
        }
    }

    /// The open commands of a call.
    pub fn of_call(&self, call: CallId) -> impl Iterator<Item = &Arc<Command>> {
        let open = self.open.iter().filter(|open| !open.done);
        open.map(|open| &open.command).filter(move |command| command.call_id == Some(call))
    }

    /// A link opened: all that is open goes out on it at once.
    pub fn link(&mut self, now: Millis, link: u64, to: mpsc::Sender<Commands>) {
        self.links.push((link, to));
        self.open.iter_mut().for_each(|open| open.next_at = open.next_at.min(now));
    }

    /// One closed.
    pub fn unlink(&mut self, link: u64) {
        self.links.retain(|(id, _)| *id != link);
    }

    /// Answers a poll, or lets it wait.
    pub fn poll(&mut self, now: Millis, after: u64, until: Millis, reply: ReplyTo<Commands>) {
        self.tidy(now);
        self.polls.retain(|poll| !poll.reply.is_closed());
        let open = self.open.iter_mut().filter(|open| !open.done && open.command.seq > after);
        let commands: Commands = open.map(|open| open.go(now)).collect();
        if commands.is_empty() && until > now {
            self.polls.push(Poll { after, until, reply });
        } else {
            // One that hung up gets them with its next poll.
            let _ = reply.send(Ok(commands));
        }
    }

    /// Sends what is due by link or poll; answers what is to be posted.
    pub fn dispatch(&mut self, now: Millis) -> Option<Parcel> {
        self.tidy(now);
        for poll in self.polls.extract_if(.., |poll| poll.until <= now) {
            let _ = poll.reply.send(Ok(Vec::new()));
        }
        if !self.open.iter().any(|open| open.is_due(now)) {
            return None;
        }
        if self.over_link(now) {
            return self.parcel(now, |open| open.goes > DOUBT);
        }
        if self.over_poll(now) {
            return None;
        }
        self.parcel(now, |open| open.is_due(now) || open.lost)
    }

    /// The newest link is the likeliest to live.
    fn over_link(&mut self, now: Millis) -> bool {
        while let Some((_, link)) = self.links.last() {
            let due = self.open.iter().filter(|open| open.is_due(now));
            let commands: Commands = due.map(|open| Arc::clone(&open.command)).collect();
            // A reader that lets arrays pile up loses its link; its socket is closed by that.
            if link.try_send(commands).is_ok() {
                for open in self.open.iter_mut().filter(|open| open.is_due(now)) {
                    open.go(now);
                }
                return true;
            }
            self.links.pop();
        }
        false
    }

    fn over_poll(&mut self, now: Millis) -> bool {
        while let Some(poll) = self.polls.pop() {
            let wanted =
                |open: &Open| !open.done && open.command.seq > poll.after && open.is_due(now);
            let due = self.open.iter().filter(|open| wanted(open));
            let commands: Commands = due.map(|open| Arc::clone(&open.command)).collect();
            if commands.is_empty() {
                self.polls.push(poll);
                return false;
            }
            let after = poll.after;
            if poll.reply.send(Ok(commands)).is_ok() {
                let gone = self.open.iter_mut().filter(|open| open.command.seq > after);
                gone.filter(|open| open.is_due(now)).for_each(|open| drop(open.go(now)));
                return true;
            }
        }
        false
    }

    /// One delivery at a time, so that order is kept.
    fn parcel(&mut self, now: Millis, wanted: impl Fn(&Open) -> bool) -> Option<Parcel> {
        if self.posting {
            return None;
        }
        let config = self.config.as_ref().filter(|config| config.webhook.is_some());
        let config = Arc::clone(config?);
        let mut commands = Commands::new();
        for open in self.open.iter_mut().filter(|open| !open.done && wanted(open)) {
            open.posting = true;
            commands.push(open.go(now));
        }
        self.posting = !commands.is_empty();
        self.posting.then_some(Parcel { config, commands })
    }

    /// A delivery ended.
    pub fn posted(&mut self, now: Millis, posted: Posted) -> Report {
        self.posting = false;
        let taken = posted == Posted::Taken;
        for open in self.open.iter_mut().filter(|open| open.posting) {
            open.posting = false;
            open.done |= taken;
            open.lost = !taken;
        }
        if !taken {
            self.failures += 1;
            // Each failure counts once as the third, not again with each that follows.
            return Report { unreachable: self.failures == UNREACHABLE, ..Report::default() };
        }
        // After a suspicion its first word counts at once.
        let was_failing = std::mem::take(&mut self.failures) >= UNREACHABLE;
        self.tidy(now);
        let done = self.open.front().map_or(self.last, |open| open.command.seq - 1);
        let acknowledged = (done > self.reported).then_some(done);
        self.reported = self.reported.max(done);
        Report { acknowledged, unreachable: false, spoke: self.speaks(now, was_failing) }
    }

    /// Whether a sign of life is worth reporting now.
    pub fn speaks(&mut self, now: Millis, anyway: bool) -> bool {
        let due = self.spoke_at.is_none_or(|at| now.since(at) >= SPOKE_EACH_MS);
        if due || anyway {
            self.spoke_at = Some(now);
        }
        due || anyway
    }

    /// Forgets what is done or of no use any more.
    fn tidy(&mut self, now: Millis) {
        for open in self.open.iter_mut().filter(|open| open.command.deadline <= now) {
            open.done = true;
        }
        while self.open.front().is_some_and(|open| open.done && !open.posting) {
            self.open.pop_front();
        }
    }

    /// When to dispatch again by itself.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let has_way = !self.links.is_empty() || (self.has_webhook() && !self.posting);
        let waiting = self.open.iter().filter(|open| has_way && !open.done && !open.posting);
        let repeat = waiting.map(|open| open.next_at.max(now.plus(GRAIN_MS))).min();
        let poll = self.polls.iter().map(|poll| poll.until).min();
        [repeat, poll].into_iter().flatten().min()
    }
}

impl Open {
    fn is_due(&self, now: Millis) -> bool {
        !self.done && !self.posting && self.next_at <= now
    }

    fn go(&mut self, now: Millis) -> Arc<Command> {
        self.next_at = now.plus(REPEAT_MS << self.goes.min(16));
        self.goes += 1;
        self.lost = false;
        Arc::clone(&self.command)
    }
}

/// The commands of one switch among those of a record.
pub(super) fn of_switch<'a>(
    commands: &'a [(Name, Arc<Command>)],
    switch: &'a str,
) -> impl Iterator<Item = Arc<Command>> + 'a {
    commands.iter().filter(move |(name, _)| **name == *switch).map(|(_, c)| Arc::clone(c))
}
