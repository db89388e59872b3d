//! The ways of commands to one switch. The state behind it is the engine's; this is a cache that a
//! restart fills again.

use crate::domain::ids::{CallId, CommandId, Name};
use crate::domain::objects::Switch;
use crate::domain::switching::Command;
use crate::domain::time::Millis;
use crate::node::open::{OpenCommands, REPEAT_MS};
use crate::node::pipeline::{Commands, ReplyTo};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Repetitions are looked for at most this often.
const GRAIN_MS: u64 = 20;

/// From this many goes over a link without an acknowledgement, the webhook is tried as well.
const DOUBT: u32 = 3;

/// Failed deliveries in a row after which the switch counts as unreachable.
const UNREACHABLE: u32 = 3;

/// Commands of one delivery at most: small switches read a request into a buffer of fixed size.
const PARCEL: usize = 100;

/// A sign of life is reported at most this often.
const SPOKE_EACH_MS: u64 = 10_000;

/// A switch's way out.
#[derive(Default)]
pub(super) struct Line {
    open: OpenCommands,
    /// The highest sequence seen.
    last: u64,
    /// All up to here are acknowledged, as far as was reported.
    reported: u64,
    links: Vec<(u64, mpsc::Sender<Commands>)>,
    polls: Vec<Poll>,
    config: Option<Arc<Switch>>,
    /// What the delivery under way carries; none is under way when empty.
    in_delivery: Vec<u64>,
    /// What the last delivery failed to bring: it goes with the next, so that nothing overtakes it.
    lost: Vec<u64>,
    failures: u32,
    spoke_at: Option<Millis>,
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
        let (goes, next_at) = if by_reply { (1, now.plus(REPEAT_MS)) } else { (0, now) };
        for command in commands {
            self.last = self.last.max(command.seq);
            self.open.push(command, goes, next_at);
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
        self.open.acknowledge(seq);
    }

    /// This one is done with: the switch cannot do it.
    pub fn drop_failed(&mut self, id: CommandId) {
        if let Some(seq) = self.open.seq_of(id) {
            self.open.finish(seq);
        }
    }

    /// The open commands of a call.
    pub fn of_call(&self, call: CallId) -> impl Iterator<Item = &Arc<Command>> {
        self.open.of_call(call)
    }

    /// A link opened: all that is open goes out on it at once.
    pub fn link(&mut self, now: Millis, link: u64, to: mpsc::Sender<Commands>) {
        self.links.push((link, to));
        self.open.hurry(now);
    }

    /// One closed.
    pub fn unlink(&mut self, link: u64) {
        self.links.retain(|(id, _)| *id != link);
    }

    /// Answers a poll, or lets it wait.
    pub fn poll(&mut self, now: Millis, after: u64, until: Millis, reply: ReplyTo<Commands>) {
        self.open.tidy(now);
        self.polls.retain(|poll| !poll.reply.is_closed());
        let open = self.open.after(after, now);
        if open.is_empty() && until > now {
            self.polls.push(Poll { after, until, reply });
        } else {
            // One that hung up gets them with its next poll.
            let _ = reply.send(Ok(self.go(&open, now)));
        }
    }

    fn go(&mut self, seqs: &[u64], now: Millis) -> Commands {
        seqs.iter().filter_map(|seq| self.open.go(*seq, now)).collect()
    }

    /// Sends what is due by link or poll; answers what is to be posted.
    pub fn dispatch(&mut self, now: Millis) -> Option<Parcel> {
        self.open.tidy(now);
        for poll in self.polls.extract_if(.., |poll| poll.until <= now) {
            let _ = poll.reply.send(Ok(Vec::new()));
        }
        if !self.has_way() || self.open.next_at().is_none_or(|at| at > now) {
            return None;
        }
        let due = self.open.due(now);
        if due.is_empty() {
            return None;
        }
        if self.over_link(&due, now) {
            let doubted =
                due.into_iter().filter(|seq| self.open.goes(*seq) > DOUBT).take(PARCEL).collect();
            return self.parcel(doubted);
        }
        if self.over_poll(&due, now) || !self.can_post() {
            return None;
        }
        let mut seqs = due;
        seqs.extend(self.lost.drain(..).filter(|seq| self.open.is_of_use(*seq, now)));
        seqs.sort_unstable();
        seqs.dedup();
        // What is too much goes with the next, in its order.
        self.lost = seqs.split_off(seqs.len().min(PARCEL));
        self.go(&seqs, now);
        self.parcel(seqs)
    }

    /// The newest link is the likeliest to live.
    fn over_link(&mut self, due: &[u64], now: Millis) -> bool {
        while let Some((_, link)) = self.links.last() {
            let commands = due.iter().filter_map(|seq| self.open.command(*seq).cloned()).collect();
            // A reader that lets arrays pile up loses its link; its socket is closed by that.
            if link.try_send(commands).is_ok() {
                self.go(due, now);
                return true;
            }
            self.links.pop();
        }
        false
    }

    fn over_poll(&mut self, due: &[u64], now: Millis) -> bool {
        while let Some(poll) = self.polls.pop() {
            let wanted: Vec<u64> = due.iter().copied().filter(|seq| *seq > poll.after).collect();
            if wanted.is_empty() {
                self.polls.push(poll);
                return false;
            }
            let commands = wanted.iter().filter_map(|seq| self.open.command(*seq).cloned());
            if poll.reply.send(Ok(commands.collect())).is_ok() {
                self.go(&wanted, now);
                return true;
            }
        }
        false
    }

    /// One delivery at a time, so that order is kept.
    fn can_post(&self) -> bool {
        self.has_webhook() && self.in_delivery.is_empty()
    }

    fn parcel(&mut self, seqs: Vec<u64>) -> Option<Parcel> {
        if seqs.is_empty() || !self.can_post() {
            return None;
        }
        let config = Arc::clone(self.config.as_ref()?);
        seqs.iter().for_each(|seq| self.open.posting(*seq, true));
        let commands = seqs.iter().filter_map(|seq| self.open.command(*seq).cloned()).collect();
        self.in_delivery = seqs;
        Some(Parcel { config, commands })
    }

    /// A delivery ended.
    pub fn posted(&mut self, now: Millis, posted: Posted) -> Report {
        let delivered = std::mem::take(&mut self.in_delivery);
        if posted == Posted::Failed {
            delivered.iter().for_each(|seq| self.open.posting(*seq, false));
            // Beside what found no place in it.
            self.lost.extend(delivered);
            self.failures += 1;
            // Each failure counts once as the third, not again with each that follows.
            return Report { unreachable: self.failures == UNREACHABLE, ..Report::default() };
        }
        delivered.iter().for_each(|seq| self.open.finish(*seq));
        // After a suspicion its first word counts at once.
        let was_failing = std::mem::take(&mut self.failures) >= UNREACHABLE;
        self.open.tidy(now);
        let done = self.open.first().map_or(self.last, |first| first - 1);
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

    /// Whether anything could go out now or later without a new link or poll.
    fn has_way(&self) -> bool {
        self.has_webhook() || !self.links.is_empty() || !self.polls.is_empty()
    }

    /// When to dispatch again by itself.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let has_way = self.can_post() || !self.links.is_empty() || !self.polls.is_empty();
        let next = self.open.next_at().filter(|_| has_way);
        let repeat = next.map(|at| at.max(now.plus(GRAIN_MS)));
        let poll = self.polls.iter().map(|poll| poll.until).min();
        [repeat, poll].into_iter().flatten().min()
    }
}

/// The commands of one switch among those of a record.
pub(super) fn of_switch<'a>(
    commands: &'a [(Name, Arc<Command>)],
    switch: &'a str,
) -> impl Iterator<Item = Arc<Command>> + 'a {
    commands.iter().filter(move |(name, _)| **name == *switch).map(|(_, c)| Arc::clone(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::objects::{Capabilities, Webhook};
    use crate::domain::switching::Effect;
    use tokio::sync::oneshot;

    const START: Millis = Millis(1_000_000);

    fn after(ms: u64) -> Millis {
        START.plus(ms)
    }

    fn command(seq: u64) -> Arc<Command> {
        Arc::new(Command {
            seq,
            id: CommandId(seq),
            call: Some("c".into()),
            call_id: Some(CallId(seq % 2)),
            time: START,
            deadline: after(20_000),
            effect: Effect::SwitchSync {},
        })
    }

    fn with(commands: impl IntoIterator<Item = u64>) -> Line {
        let mut line = Line::default();
        line.add(START, commands.into_iter().map(command), false);
        line
    }

    fn hooked(mut line: Line) -> Line {
        let url = "http://127.0.0.1:1/".to_owned();
        let webhook = Some(Webhook { url, authorization: None, secret: None });
        let capabilities = Capabilities::default();
        line.configure(Some(&Arc::new(Switch { name: "Edge".into(), webhook, capabilities })));
        line
    }

    fn seqs(commands: &[Arc<Command>]) -> Vec<u64> {
        commands.iter().map(|command| command.seq).collect()
    }

    fn posted(line: &mut Line, now: Millis) -> Option<Vec<u64>> {
        line.dispatch(now).map(|parcel| seqs(&parcel.commands))
    }

    #[test]
    fn a_link_gets_all_that_is_open_then_each_again_after_1_2_and_4_seconds() {
        let mut line = with([1, 2]);
        let (to, mut link) = mpsc::channel(8);
        line.link(START, 7, to);
        let mut seen = Vec::new();
        let mut now = START;
        while now < after(21_000) {
            line.dispatch(now);
            while let Ok(commands) = link.try_recv() {
                assert_eq!(seqs(&commands), [1, 2], "one array");
                seen.push(now.since(START));
            }
            let Some(wake) = line.wake_at(now) else { break };
            assert!(wake > now);
            now = wake;
        }
        assert_eq!(seen, [0, 1_000, 3_000, 7_000, 15_000], "and none after the deadline");
    }

    #[test]
    fn what_is_acknowledged_is_not_repeated() {
        let mut line = with([1, 2, 3]);
        let (to, mut link) = mpsc::channel(8);
        line.link(START, 7, to);
        line.dispatch(START);
        line.acknowledge(2);
        line.dispatch(after(1_000));
        assert_eq!(seqs(&link.try_recv().expect("first")), [1, 2, 3]);
        assert_eq!(seqs(&link.try_recv().expect("again")), [3]);
        line.drop_failed(CommandId(3));
        assert_eq!(line.wake_at(after(1_000)), None);
    }

    #[test]
    fn a_link_that_is_gone_or_full_gives_way() {
        let mut line = with([1]);
        let (older, mut first) = mpsc::channel(8);
        let (newer, second) = mpsc::channel(8);
        line.link(START, 1, older);
        line.link(START, 2, newer);
        drop(second);
        line.dispatch(START);
        assert_eq!(seqs(&first.try_recv().expect("on the older one")), [1]);

        let (full, mut slow) = mpsc::channel(1);
        let mut line = hooked(with([1]));
        line.link(START, 3, full);
        line.dispatch(START);
        line.add(after(1), std::iter::once(command(2)), false);
        assert_eq!(posted(&mut line, after(1)), Some(vec![2]), "by webhook instead");
        assert!(slow.try_recv().is_ok() && slow.try_recv().is_err(), "and the link is closed");
    }

    #[test]
    fn a_poll_gets_what_comes_after_or_waits() {
        let mut line = with([1, 2]);
        let (reply, mut answer) = oneshot::channel();
        line.poll(START, 1, after(500), reply);
        assert_eq!(seqs(&answer.try_recv().expect("at once").expect("told")), [2]);

        line.acknowledge(2);
        let (reply, mut answer) = oneshot::channel();
        line.poll(START, 2, after(500), reply);
        assert!(answer.try_recv().is_err());
        line.add(after(10), std::iter::once(command(3)), false);
        line.dispatch(after(10));
        assert_eq!(seqs(&answer.try_recv().expect("woken").expect("told")), [3]);

        line.acknowledge(3);
        let (reply, mut answer) = oneshot::channel();
        line.poll(after(20), 3, after(500), reply);
        assert_eq!(line.wake_at(after(20)), Some(after(500)));
        line.dispatch(after(500));
        assert_eq!(answer.try_recv().expect("its time is up").expect("told"), []);
    }

    #[test]
    fn what_went_out_in_the_reply_is_pushed_only_when_it_is_not_acknowledged() {
        let mut line = hooked(Line::default());
        line.add(START, [1, 2].into_iter().map(command), true);
        assert_eq!(posted(&mut line, START), None);
        assert_eq!(line.wake_at(START), Some(after(1_000)));
        line.acknowledge(1);
        assert_eq!(posted(&mut line, after(1_000)), Some(vec![2]));
    }

    #[test]
    fn one_delivery_is_in_flight_and_the_next_takes_what_queued_up() {
        let mut line = hooked(with([1]));
        assert_eq!(posted(&mut line, START), Some(vec![1]));
        line.add(after(1), [2, 3].into_iter().map(command), false);
        assert_eq!(posted(&mut line, after(1)), None, "one at a time");
        let report = line.posted(after(5), Posted::Taken);
        assert_eq!(report, Report { acknowledged: Some(1), unreachable: false, spoke: true });
        assert_eq!(posted(&mut line, after(5)), Some(vec![2, 3]));
        let report = line.posted(after(9), Posted::Taken);
        assert_eq!((report.acknowledged, report.spoke), (Some(3), false), "spoke each 10 s only");
    }

    #[test]
    fn a_failed_delivery_goes_again_and_the_third_in_a_row_tells() {
        let mut line = hooked(with([1]));
        let mut told = Vec::new();
        let mut now = START;
        for turn in 0..4 {
            assert_eq!(posted(&mut line, now).map(|seqs| seqs[0]), Some(1), "turn {turn}");
            told.push(line.posted(now, Posted::Failed).unreachable);
            now = line.wake_at(now).expect("again");
        }
        assert_eq!(told, [false, false, true, false]);
        // What is new goes at once, behind what failed.
        let new = after(14_000);
        line.add(new, std::iter::once(command(2)), false);
        assert_eq!(posted(&mut line, new), Some(vec![1, 2]));
        let report = line.posted(new, Posted::Taken);
        assert_eq!(report, Report { acknowledged: Some(2), unreachable: false, spoke: true });
    }

    #[test]
    fn a_delivery_is_of_bounded_size_and_the_rest_follows_in_order() {
        let all: Vec<u64> = (1..=230).collect();
        let mut line = hooked(with(all.clone()));
        assert_eq!(posted(&mut line, START).as_deref(), Some(&all[..100]));
        line.posted(after(5), Posted::Failed);
        // What failed is not overtaken by what has not gone yet.
        assert_eq!(posted(&mut line, after(5)).as_deref(), Some(&all[..100]));
        for (rest, acknowledged) in [(&all[100..200], 100), (&all[200..], 200)] {
            assert_eq!(line.posted(after(9), Posted::Taken).acknowledged, Some(acknowledged));
            assert_eq!(posted(&mut line, after(9)).as_deref(), Some(rest));
        }
        assert_eq!(line.posted(after(9), Posted::Taken).acknowledged, Some(230));
        assert_eq!(posted(&mut line, after(9)), None);
    }

    #[test]
    fn a_later_delivery_does_not_acknowledge_what_went_another_way() {
        let mut line = hooked(Line::default());
        line.add(START, std::iter::once(command(1)), true);
        line.add(after(1), std::iter::once(command(2)), false);
        assert_eq!(posted(&mut line, after(1)), Some(vec![2]));
        assert_eq!(line.posted(after(2), Posted::Taken).acknowledged, None);
        assert_eq!(posted(&mut line, after(1_000)), Some(vec![1]));
        assert_eq!(line.posted(after(1_001), Posted::Taken).acknowledged, Some(2));
    }

    #[test]
    fn a_call_s_open_commands_are_found_for_a_duplicate() {
        let mut line = with([1, 2, 3]);
        line.acknowledge(1);
        let open: Vec<_> = line.of_call(CallId(1)).map(|command| command.seq).collect();
        assert_eq!(open, [3]);
    }

    #[test]
    fn what_a_link_brought_often_in_vain_is_posted_as_well_once_at_a_time() {
        let mut line = hooked(with([1]));
        let (to, mut link) = mpsc::channel(8);
        line.link(START, 7, to);
        let times = [0, 1_000, 3_000, 7_000].map(after);
        let posts: Vec<_> = times.iter().map(|now| posted(&mut line, *now)).collect();
        assert_eq!(posts, [None, None, None, Some(vec![1])]);
        assert_eq!(std::iter::from_fn(|| link.try_recv().ok()).count(), 4, "and by link each time");
        assert_eq!(line.posted(after(7_010), Posted::Taken).acknowledged, Some(1));
        assert_eq!(line.wake_at(after(7_010)), None);
    }

    #[test]
    fn what_was_lost_and_is_done_with_since_does_not_go_again() {
        let mut line = hooked(Line::default());
        line.add(START, std::iter::once(command(1)), true);
        line.add(START, std::iter::once(command(2)), false);
        assert_eq!(posted(&mut line, START), Some(vec![2]));
        line.posted(after(5), Posted::Failed);
        line.drop_failed(CommandId(2));
        line.add(after(6), std::iter::once(command(3)), false);
        assert_eq!(posted(&mut line, after(6)), Some(vec![3]));
    }

    #[test]
    fn one_that_failed_within_a_delivery_stays_done_when_the_delivery_fails() {
        let mut line = hooked(with([1, 2]));
        assert_eq!(posted(&mut line, START), Some(vec![1, 2]));
        line.drop_failed(CommandId(1));
        line.posted(after(5), Posted::Failed);
        assert_eq!(posted(&mut line, after(1_000)), Some(vec![2]));
    }
}
