//! The state machine of a status as a table: every way in which an agent may stand × every trigger,
//! once for each kind of work. What comes of it stands in the snapshots beside, read against
//! `engine.md` 2.
//!
//! A cell: the status, `!` when forced, `(why)` where a rule or no reason of the agent's chose it,
//! `>` the next status, `~` within the grace of a lost desk, then what became of the offer and what
//! work began. `=` nothing changed, `.` cannot be, a code in quotes: refused.

use super::state::Agent;
use super::tests::{Floor, offered, owner};
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, Name};
use crate::domain::input::{Answer, Command as Ask, Input, Kind, Precondition, When};
use crate::domain::presence::Status;
use crate::domain::switching::{EndedBy, Happening};
use serde_json::json;
use std::fmt::Write as _;

const USER: &str = "usr_ann";
const SUBJECT: &str = "c1";
/// The desk of the tests.
const DESK: u64 = 1;
/// Grace, lease and block are this long.
const SHORT_MS: u64 = 1_000;
/// Longer than any ring, shorter than the wrap-up.
const RING_MS: u64 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Idle,
    /// A queue that needs `ready`.
    RingsForQueue,
    /// A group: `online` is enough.
    RingsForGroup,
    /// No endpoint: the offer can only be answered at the desk.
    RingsAtDesk,
    Talks,
    WrapsUp,
    OwnCall,
}

/// How an agent stands.
#[derive(Clone, Copy)]
struct Stand {
    shown: &'static str,
    status: Status,
    forced: bool,
    /// A break that follows the work, and whether it is forced.
    next: Option<bool>,
}

const STANDS: [Stand; 10] = [
    stand("offline", Status::Offline, false, None),
    stand("online", Status::Online, false, None),
    stand("ready", Status::Ready, false, None),
    stand("break", Status::OnBreak, false, None),
    stand("offline!", Status::Offline, true, None),
    stand("online!", Status::Online, true, None),
    stand("ready!", Status::Ready, true, None),
    stand("break!", Status::OnBreak, true, None),
    stand("ready >break", Status::Ready, false, Some(false)),
    stand("ready >break!", Status::Ready, false, Some(true)),
];

const fn stand(shown: &'static str, status: Status, forced: bool, next: Option<bool>) -> Stand {
    Stand { shown, status, forced, next }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Own(Status, When),
    Forced(Status, When),
    Cleared,
    Answer,
    CallEnds,
    WrapUpEnds,
    Miss,
    Refuse,
    DeskLost,
    DeskBack,
    GraceOver,
    DeskLate,
    LeaseLapses,
    LeaseRenewed,
    Unleased,
    Blocked,
    BlockEnds,
    Deactivated,
    Training,
}

impl Trigger {
    fn all() -> Vec<Trigger> {
        let mut all = Vec::new();
        for when in [When::Now, When::AfterWork] {
            all.extend(Status::ALL.iter().map(|status| Trigger::Own(*status, when)));
        }
        for when in [When::Now, When::AfterWork] {
            all.extend(Status::ALL.iter().map(|status| Trigger::Forced(*status, when)));
        }
        all.extend([
            Trigger::Cleared,
            Trigger::Answer,
            Trigger::CallEnds,
            Trigger::WrapUpEnds,
            Trigger::Miss,
            Trigger::Refuse,
            Trigger::DeskLost,
            Trigger::DeskBack,
            Trigger::GraceOver,
            Trigger::DeskLate,
            Trigger::LeaseLapses,
            Trigger::LeaseRenewed,
            Trigger::Unleased,
            Trigger::Blocked,
            Trigger::BlockEnds,
            Trigger::Deactivated,
            Trigger::Training,
        ]);
        all
    }

    fn shown(self) -> String {
        match self {
            Trigger::Own(status, When::Now) => format!("own {status}"),
            Trigger::Own(status, When::AfterWork) => format!("own {status}, after work"),
            Trigger::Forced(status, When::Now) => format!("forced {status}"),
            Trigger::Forced(status, When::AfterWork) => format!("forced {status}, after work"),
            Trigger::Cleared => "cleared".into(),
            Trigger::Answer => "answers".into(),
            Trigger::CallEnds => "call ends".into(),
            Trigger::WrapUpEnds => "wrap-up ends".into(),
            Trigger::Miss => "misses".into(),
            Trigger::Refuse => "refuses".into(),
            Trigger::DeskLost => "desk lost".into(),
            Trigger::DeskBack => "desk back in time".into(),
            Trigger::GraceOver => "grace over".into(),
            Trigger::DeskLate => "desk back too late".into(),
            Trigger::LeaseLapses => "lease lapses".into(),
            Trigger::LeaseRenewed => "lease renewed, time passes".into(),
            Trigger::Unleased => "12 hours of silence".into(),
            Trigger::Blocked => "blocked".into(),
            Trigger::BlockEnds => "blocked, block over".into(),
            Trigger::Deactivated => "deactivated".into(),
            Trigger::Training => "assignment training".into(),
        }
    }

    fn needs_desk(self) -> bool {
        use Trigger::{DeskBack, DeskLate, DeskLost, GraceOver};
        matches!(self, DeskLost | DeskBack | GraceOver | DeskLate)
    }

    fn needs_lease(self) -> bool {
        matches!(self, Trigger::LeaseLapses | Trigger::LeaseRenewed)
    }
}

impl Floor {
    fn ann(&self) -> &Agent {
        self.engine.state.agent(AgentIx(0))
    }

    fn set(&mut self, status: Status, when: When, lease_ms: Option<u64>) -> Option<Answer> {
        let reason = (status == Status::OnBreak).then(|| "lunch".to_owned());
        let when = Some(when);
        self.ask(Ask::SetStatus { user: USER.into(), status, reason, when, lease_ms }).answer
    }

    fn force(&mut self, status: Status, when: When) -> Option<Answer> {
        let reason = (status == Status::OnBreak).then(|| "lunch".to_owned());
        self.ask(Ask::ForceStatus { user: USER.into(), status, reason, when: Some(when) }).answer
    }

    fn desk(&mut self, open: bool) {
        let user = USER.to_owned();
        self.ask(match open {
            true => Ask::DeskOpened { user, desk: DESK },
            false => Ask::DeskClosed { user, desk: DESK },
        });
    }

    fn change_user(&mut self, body: serde_json::Value) {
        let object = crate::domain::input::ObjectRef {
            kind: Kind::User,
            parent: "".into(),
            id: USER.into(),
        };
        self.ask(Ask::Put {
            object,
            body,
            merge: true,
            only_if: Precondition::None,
            dry_run: false,
        });
    }
}

/// The agent at work, standing as asked; `None` where that cannot be.
fn begin(work: Work, stand: Stand, trigger: Trigger) -> Option<Floor> {
    let mut floor = Floor::new();
    let silence = if trigger == Trigger::Unleased { SHORT_MS } else { 0 };
    let account = json!({ "name": "A", "lease_grace_ms": SHORT_MS, "max_unleased_ms": silence,
        "block_min_ms": 0 });
    floor.put(Kind::Account, "", "", account);
    floor.put(Kind::BreakReason, "", "lunch", json!({ "name": "Lunch" }));
    let wrap_up = json!({ "ms": 600_000 });
    floor.put(Kind::Queue, "", "support", json!({ "name": "Support", "wrap_up": wrap_up }));
    let group = json!({ "name": "Sales", "strategy": "sequential", "total_ms": 3_600_000 });
    floor.put(Kind::Group, "", "sales", group);
    floor.agent(USER, "support");
    floor.put(Kind::Member, "sales", USER, json!({}));
    if work == Work::RingsAtDesk {
        floor.change_user(json!({ "endpoint": null }));
    }
    floor.set(Status::Ready, When::Now, trigger.needs_lease().then_some(SHORT_MS));
    if trigger.needs_desk() || work == Work::RingsAtDesk {
        floor.desk(true);
    }
    set_to_work(&mut floor, work);
    match stand.next {
        Some(true) => _ = floor.force(Status::OnBreak, When::AfterWork),
        Some(false) => _ = floor.set(Status::OnBreak, When::AfterWork, None),
        None if stand.forced => _ = floor.force(stand.status, When::Now),
        None if stand.status != Status::Ready => _ = floor.set(stand.status, When::Now, None),
        None => {}
    }
    let ann = floor.ann();
    let at_work = match work {
        Work::Idle => ann.work_ended(),
        Work::RingsForQueue | Work::RingsForGroup | Work::RingsAtDesk => !ann.offers.is_empty(),
        Work::Talks => !ann.calls.is_empty(),
        Work::WrapsUp => !ann.wrap_ups.is_empty(),
        Work::OwnCall => !ann.own_calls.is_empty(),
    };
    (at_work && shown(ann) == stand.shown).then_some(floor)
}

fn set_to_work(floor: &mut Floor, work: Work) {
    let queue = if work == Work::RingsForGroup { "sales" } else { "support" };
    match work {
        Work::Idle => {}
        Work::OwnCall => {
            let direction = crate::domain::switching::Direction::Outbound;
            let own = Happening::AgentCallStarted { agent: USER.into(), direction };
            floor.event("own", own);
        }
        Work::RingsForQueue | Work::RingsForGroup | Work::RingsAtDesk => {
            floor.arrive(SUBJECT, queue);
        }
        Work::Talks | Work::WrapsUp => {
            let offer = offered(&floor.arrive(SUBJECT, queue))[0];
            floor.event(SUBJECT, Happening::OfferAnswered { offer });
            if work == Work::WrapsUp {
                floor.event(SUBJECT, Happening::CallEnded { by: EndedBy::Caller });
            }
        }
    }
}

/// Pulls a trigger: `None` where it does not apply.
fn pull(floor: &mut Floor, trigger: Trigger) -> Option<Option<Answer>> {
    let ann = floor.ann();
    let offer = ann.offers.first().map(|(offer, _)| *offer);
    let wrap_up = ann.wrap_ups.first().map(|run| run.call);
    let talks = !ann.calls.is_empty();
    let user = USER.to_owned();
    let answer = match trigger {
        Trigger::Own(status, when) => floor.set(status, when, None),
        Trigger::Forced(status, when) => floor.force(status, when),
        Trigger::Cleared => floor.ask(Ask::ClearForced { user }).answer,
        Trigger::Answer => {
            let offer = offer?;
            match floor.ann().has_endpoint {
                true => floor.event(SUBJECT, Happening::OfferAnswered { offer }).answer,
                false => floor.ask(Ask::Accept { offer }).answer,
            }
        }
        Trigger::CallEnds => {
            let ended = Happening::CallEnded { by: EndedBy::Caller };
            talks.then(|| floor.event(SUBJECT, ended).answer)?
        }
        Trigger::WrapUpEnds => {
            floor.ask(Ask::EndWrapUp { call: wrap_up?, disposition: None }).answer
        }
        Trigger::Miss => {
            offer?;
            floor.wait(RING_MS);
            None
        }
        Trigger::Refuse => floor.ask(Ask::Refuse { offer: offer? }).answer,
        Trigger::DeskLost | Trigger::DeskBack | Trigger::GraceOver | Trigger::DeskLate => {
            floor.desk(false);
            match trigger {
                Trigger::DeskBack => floor.wait(SHORT_MS / 2),
                Trigger::GraceOver | Trigger::DeskLate => floor.wait(SHORT_MS),
                _ => {}
            }
            if matches!(trigger, Trigger::DeskBack | Trigger::DeskLate) {
                floor.desk(true);
            }
            None
        }
        Trigger::LeaseLapses => {
            floor.wait(SHORT_MS);
            None
        }
        Trigger::LeaseRenewed => {
            floor.wait(SHORT_MS / 2);
            let status = floor.ann().status;
            let answer = floor.set(status, When::Now, Some(SHORT_MS));
            floor.wait(SHORT_MS / 2 + 1);
            answer
        }
        Trigger::Unleased => {
            floor.wait(SHORT_MS);
            None
        }
        Trigger::Blocked | Trigger::BlockEnds => {
            let until = floor.now.plus(SHORT_MS);
            floor.change_user(json!({ "blocked_until": until.rfc3339() }));
            if trigger == Trigger::BlockEnds {
                floor.wait(SHORT_MS);
            }
            None
        }
        Trigger::Deactivated => {
            floor.change_user(json!({ "state": "deactivated" }));
            None
        }
        Trigger::Training => {
            floor.change_user(json!({ "assignment": "training" }));
            None
        }
    };
    Some(answer)
}

fn shown(agent: &Agent) -> String {
    let word = |status: Status, reason: &Option<Name>, forced: bool| {
        let status = if status == Status::OnBreak { "break" } else { status.word() };
        let why = reason.as_deref().filter(|why| *why != "lunch");
        let why = why.map(|why| format!("({why})")).unwrap_or_default();
        format!("{status}{}{why}", if forced { "!" } else { "" })
    };
    let mut text = word(agent.status, &agent.reason, agent.forced_by.is_some());
    if let Some(next) = &agent.next {
        text += &format!(" >{}", word(next.status, &next.reason, next.forced_by.is_some()));
    }
    if agent.grace_until.is_some() {
        text += " ~";
    }
    text
}

/// What became of offers and work in the records after the first `before`.
fn happened(floor: &Floor, before: usize) -> String {
    let mut text = String::new();
    for (_, _, body) in &floor.log[before..] {
        let events: Vec<Event> = serde_json::from_slice(body).expect("a record");
        for event in events {
            match event {
                Event::OfferWithdrawn { reason, .. } => _ = write!(text, ", withdrawn {reason}"),
                Event::OfferMissed { .. } => text += ", missed",
                Event::OfferRefused { .. } => text += ", refused",
                Event::CallOffered { .. } => text += ", rings",
                Event::CallAnswered { .. } => text += ", talks",
                Event::WrapUpStarted { .. } => text += ", wraps up",
                _ => {}
            }
        }
    }
    text
}

fn cell(work: Work, stand: Stand, trigger: Trigger) -> String {
    let Some(mut floor) = begin(work, stand, trigger) else { return ".".into() };
    let (before, records) = (shown(floor.ann()), floor.log.len());
    let Some(answer) = pull(&mut floor, trigger) else { return ".".into() };
    if let Some(Answer::Refused(problem)) = answer {
        return format!("\"{}\"", problem.code);
    }
    let (after, happened) = (shown(floor.ann()), happened(&floor, records));
    if after == before && happened.is_empty() { "=".into() } else { after + &happened }
}

/// One table: a trigger a line, a stand a column.
fn table(work: Work) -> String {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(STANDS.iter().map(|stand| stand.shown.to_owned()));
    for trigger in Trigger::all() {
        let mut row = vec![trigger.shown()];
        row.extend(STANDS.iter().map(|stand| cell(work, *stand, trigger)));
        rows.push(row);
    }
    let empty = |column: usize| rows[1..].iter().all(|row| row[column] == ".");
    let columns: Vec<usize> = (0..=STANDS.len()).filter(|c| *c == 0 || !empty(*c)).collect();
    let width = |c: usize| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows.iter().filter(|row| row[1..].iter().any(|cell| cell != ".")) {
        let cells: Vec<String> =
            columns.iter().map(|c| format!("{:1$}", row[*c], width(*c))).collect();
        _ = writeln!(text, "{}", cells.join(" | ").trim_end());
    }
    text
}

#[test]
fn statuses_and_triggers_while_idle() {
    insta::assert_snapshot!(table(Work::Idle));
}

#[test]
fn statuses_and_triggers_while_a_queue_rings() {
    insta::assert_snapshot!(table(Work::RingsForQueue));
}

#[test]
fn statuses_and_triggers_while_a_group_rings() {
    insta::assert_snapshot!(table(Work::RingsForGroup));
}

#[test]
fn statuses_and_triggers_while_it_rings_at_the_desk() {
    insta::assert_snapshot!(table(Work::RingsAtDesk));
}

#[test]
fn statuses_and_triggers_while_talking() {
    insta::assert_snapshot!(table(Work::Talks));
}

#[test]
fn statuses_and_triggers_while_wrapping_up() {
    insta::assert_snapshot!(table(Work::WrapsUp));
}

#[test]
fn statuses_and_triggers_during_an_own_call() {
    insta::assert_snapshot!(table(Work::OwnCall));
}

#[test]
fn an_offer_that_is_accepted_at_the_desk_is_the_agents_own() {
    // The table's accept is the owner's; the agent's own key does the same, a colleague's does not.
    let Some(mut floor) = begin(Work::RingsAtDesk, STANDS[2], Trigger::Answer) else {
        panic!("an agent who is ready and whose desk rings");
    };
    let offer = floor.ann().offers[0].0;
    let as_agent = |user: &str| crate::domain::input::Actor {
        role: crate::domain::objects::user::Role::Agent,
        user: Some(user.into()),
        ..owner()
    };
    let accept = |actor| Input::Command { actor, command: Ask::Accept { offer } };
    let other = floor.give(accept(as_agent("usr_bob")));
    assert!(matches!(other.answer, Some(Answer::Refused(p)) if p.status == 404));
    let own = floor.give(accept(as_agent(USER)));
    assert!(matches!(own.answer, Some(Answer::Done { status: 200, .. })), "{:?}", own.answer);
    assert_eq!(floor.ann().calls.len(), 1);
}
