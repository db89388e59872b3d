//! The reference model: a naive, obviously correct ACD, written straight from `engine.md`. Lists
//! and full scans; nothing is kept that can be found by looking. It is the specification in code.
//!
//! # Readings
//!
//! Where the page leaves room, the model settles it; each reading stands here once.
//!
//! * **Deadlines** of one instant are taken one by one, matching after each, in the order of their
//!   class: day, the spacing of passes (all of one instant at once), switches, agents (wrap-up,
//!   delay, lease, grace, unleased, block), offers, calls (thaw, replay, gap, round, total, max_wait,
//!   hold, step); within a class by number.
//! * **A delay or block** holds until its deadline is handled, not until its instant: of two that
//!   end together the second agent is not yet free when the first is.
//! * **`total` beside another exit**: an exit that the end of an offer causes at the very end of
//!   `total` is the exit `total`: the preset `least_calls` "ends: answer, or `total`", however the
//!   ring is timed.
//! * **Passes**: one begins with its first offer, and is over when the call has candidates and all
//!   were tried in it: the next may begin then, `again_after_ms` after the last began at the
//!   earliest; open offers do not hinder.
//! * **`max_waiting`** refuses at the door: it is judged once, after the matching that follows the
//!   entry into the queue, for a call without an open offer. `nobody` is judged whenever a call
//!   waits without an open offer. A frozen call, one in a replay or behind a gap is not judged.
//! * **Leases**: one taken by request lasts until log-out or its end; to renew it changes nothing
//!   else, neither status nor what was chosen next; a grace begins when the last
//!   desk of an agent who is not offline closes, also beside a running lease; at its end that lease
//!   holds the status. A lapse while only ringing acts at once; the offers go with reason `status`.
//! * **Forced**: it ends when a rule overrides it, when a supervisor clears it, or at the agent's
//!   own log-on, once the work has ended. Going offline oneself leaves it in force. A forced *next*
//!   refuses like a force.
//! * **`next`** is dropped at log-out and by the next choice. Misses that would set `online` yield to
//!   a next status other than `ready`, which comes at once anyway.
//! * **`device.lost`** is undone by `device.registered` alone; the loss by `max_unreachable` also by
//!   an answer and by the agent's own `online` or `ready`. In a row: until an offer of that agent
//!   is answered, missed or refused.
//! * **`over`** marks an answer that took a unit beyond the capacity; an open offer has its own.
//! * **`call.transferred`** is of a connected call; before an answer it changes nothing.
//! * **`idle_since`** is set at log-on and whenever a queue or group call's wrap-up ends (or the
//!   call, when it has none).
//! * **Counts**: an agent's first count of a day is the lowest of the other members who are logged
//!   in and have one; 0 when there is none. A late answer of an uncounted offer counts again.
//! * **Rounds**: a switch that cannot add a leg gets a new round when no leg of the last rings
//!   and those that the engine ended are told to be gone, or 2 s have passed since it ended the
//!   first of them. A switch that cannot cancel one leg has the other open legs of the call
//!   withdrawn `round`, except those that ring out at this very instant, and the same wait follows. Offers that ring at the desk only are no legs.
//! * **`attempts`** do not count offers withdrawn `round`; `offers_per_call` counts every leg;
//!   an offer at a desk alone is none.
//! * **`exhausted`, `attempts`, `on_miss: exit`, `max_wait`** wait for the call's open offers.
//! * **`call.ended` by the caller before an answer** is an abandon; by others the call failed.
//! * **In order**: the cursor is the position and number of the last agent offered; after it come
//!   higher (position, number), then the rest; among equals of position the longest idle.
//! * **Windows**: a count begins for whoever is first offerable in a window, at the lowest count that
//!   has begun among the other logged-in members; a shift is from one log-on to the next; in 24
//!   hours whoever was logged out as long begins anew. A change of what is counted, or of the
//!   window, begins all anew. Talk time is counted when the agent's part in a call ends.
//! * **Occupancy** is noted when a pair becomes offerable, and when agent, membership or queue were changed
//!   meanwhile. Handling is every call, of whatever kind, and wrap-up; free is `ready`, and `online` too
//!   where the queue needs no more. It is kept from when a queue first goes by it.
//! * **A growing width** has grown when its deadline was handled, not at its instant; it does not
//!   shrink while the call waits in this queue.
//! * **Draws** are from the candidates in order of number, one number of the dice for each choice
//!   among more than one; with a skill's level 0 throughout, all have the same chance.
//! * **A skill without level** counts as 1,000, also against an upper bound.
//! * **Steps**: of several that are due at once the last begins. `skip_if` is asked once, when a step
//!   begins: then the next begins in its place; the last is never skipped. Changed steps are counted
//!   anew from the entry into the queue, and nothing of them is skipped. An agent whom a step adds
//!   is a member of the call's own queue if they are one, else of the first added one; that
//!   membership decides alone. Offers through it count there.
//! * **Preferred**: held from the entry into the queue, for an agent who then fits the step in force
//!   and is logged in; until the time is over or that agent missed, refused or failed the call.
//!   The last agent is the one who last answered a call of that caller, in whatever queue, since
//!   some queue has asked for it.
//! * **By hand**: who is online or ready and can be rung may be picked. The call's other offers go
//!   (`forced`), and nobody else is offered it until the picked one's offer has ended; exits but
//!   `total` wait. A move is an exit for the figures of the queue that is left.
//! * **Direct calls** stand in a line without members, each picked for its user as by hand, but not
//!   beside another call of its medium (wrap-up apart) unless that user has call waiting, and only
//!   once: then the exit `unattended`. A miss is none in a row.
//! * **An attended transfer** to a user hands the call over: the agent's part ends, the other's begins.
//! * **A callback** is a call of its own, in the place of one that ends by the exit: age, entry into the
//!   queue, step and width are that call's. `max_wait`, `total`, `nobody`, `max_waiting`, `closed` and
//!   announcements are for who is on the line; other exits end it. An attempt that reaches nobody
//!   frees the agent without wrap-up, and leaves the idle clock. A switch that starts anew, or does
//!   not hold it, ends the attempt and not the callback.
//! * **A replay** is over with the call's next event that is not replayed, or 2 s after the last
//!   one that was.

mod by_hand;
mod callbacks;
mod calls;
mod config;
mod deadlines;
mod matching;
mod occupancy;
mod offers;
mod orders;
mod presence;
mod seen;
mod status;
mod steps;
mod switches;

use crate::domain::event::{Cause, OfferFailure, Outcome, Withdrawn};
use crate::domain::media::Media;
use crate::domain::objects::direct::{DIRECT_LINE, direct_line};
use crate::domain::objects::queue::Exit;
use crate::domain::objects::{
    self, Account, Calendar, Capabilities, Preferred, Skill, SkillNeed, User,
};
use crate::domain::presence::Status;
use crate::domain::rows::DayCounts;
use crate::domain::time::Millis;
use crate::routing::dice::Dice;
use crate::sim::fact::Fact;
use crate::sim::step::{Report, Step};
use std::rc::Rc;

/// The model of one account.
pub struct Model {
    now: Millis,
    account: Account,
    skills: Vec<(String, Skill)>,
    agents: Vec<Agent>,
    queues: Vec<Queue>,
    calendars: Vec<(String, Calendar)>,
    routes: Vec<(String, objects::Route)>,
    switches: Vec<Switch>,
    calls: Vec<Call>,
    offers: Vec<Offer>,
    seen: Vec<(String, String)>,
    parked: Vec<Parked>,
    /// Callers and who had them, in order.
    last_agents: Vec<(String, usize)>,
    day: i64,
    inputs: u64,
    facts: Vec<Fact>,
    dice: Dice,
}

struct Agent {
    name: String,
    user: User,
    status: Status,
    reason: Option<String>,
    status_at: Millis,
    answered_at: Option<Millis>,
    forced_by: Option<String>,
    next: Option<Next>,
    desks: Vec<u64>,
    grace_until: Option<Millis>,
    lease_until: Option<Millis>,
    device_lost: bool,
    unreached: bool,
    unreached_in_row: u32,
    misses: u32,
    delay_until: Option<Millis>,
    idle_since: Millis,
    /// Calls that the engine did not route: switch and subject.
    own_calls: Vec<(usize, String)>,
    wrap_ups: Vec<WrapUp>,
    /// Log-ons so far.
    shifts: i64,
    logged_on_at: Millis,
    /// What the agent did, from when on; only while a queue goes by it.
    done: Vec<(Millis, occupancy::Doing)>,
}

#[derive(Clone)]
struct Next {
    status: Status,
    cause: Cause,
    forced: bool,
}

struct WrapUp {
    call: usize,
    queue: usize,
    media: Media,
    until: Millis,
}

struct Queue {
    name: String,
    config: Rc<objects::Queue>,
    members: Vec<Member>,
    /// The last one offered: position and number.
    last: Option<(u32, usize)>,
    today: crate::domain::rows::DayCounts,
}

struct Member {
    agent: usize,
    stars: u8,
    position: u32,
    opted_in: bool,
    /// Counted in a window; `None` until first offerable in it.
    count: Option<i64>,
    /// What the count of a window of 24 hours is made of.
    rolling: Vec<orders::Counted>,
    /// As last looked at, where the queue goes by occupancy.
    offerable: bool,
}

struct Switch {
    name: String,
    can: Capabilities,
    boots: Vec<String>,
    heartbeat: bool,
    link: bool,
    spoke_at: Millis,
    suspected: bool,
}

/// The line of direct calls among the queues.
const LINE: usize = 0;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    Connected { agent: usize },
    Ended,
}

struct Call {
    name: String,
    switch: usize,
    state: State,
    /// Where it waits or was answered from.
    queue: usize,
    media: Media,
    /// The call's own, and the route's.
    priority: (i32, i32),
    skills: (Vec<SkillNeed>, Vec<SkillNeed>),
    from: String,
    /// In place of the queue's.
    steps: Option<Vec<objects::Step>>,
    preferred: Option<Preferred>,
    /// The step in force.
    step: usize,
    /// Waits for this agent, so many milliseconds from its entry into the queue.
    hold: Option<(usize, u64)>,
    /// A supervisor's pick, until that offer ends.
    picked: Option<usize>,
    /// The user whom it is for, where it is a direct call.
    direct: Option<usize>,
    entered_at: Millis,
    queued_at: Millis,
    /// The queue that it waited in when it was answered, perhaps late from another.
    waited_in: usize,
    /// What outages add to the deadlines that run from `queued_at`.
    away_ms: u64,
    held: bool,
    hops: u8,
    /// Entered the queue and `max_waiting` was not yet judged.
    entering: bool,
    exit_due: Option<Exit>,
    tried: Vec<usize>,
    pass_began: Option<Millis>,
    /// The spacing since then has passed.
    pass_spaced: bool,
    cursor: Option<(u32, usize)>,
    attempts: u32,
    /// How often the width has grown in this queue.
    widths: usize,
    /// Who has it did not answer it: an attended transfer.
    handed: bool,
    /// How often the place was told in this queue.
    announced: u32,
    /// When an agent had it.
    connected_at: Millis,
    legs: u32,
    /// Legs that the engine ended and the switch has not yet said to be gone, for rounds.
    closing: Vec<usize>,
    closing_until: Option<Millis>,
    frozen_until: Option<Millis>,
    replay_until: Option<Millis>,
    next_seq: u64,
    /// The day in whose figures it counts.
    counted_day: i64,
    callback: Option<Callback>,
}

/// What a callback has beyond other calls.
#[derive(Default)]
struct Callback {
    made_at: Millis,
    /// Attempts that reached nobody.
    attempts: u32,
    not_before: Option<Millis>,
    /// Until when the customer is dialled.
    dialing: Option<Millis>,
    reached: bool,
}

impl Call {
    /// A call of which nothing else is known.
    fn new(name: &str, switch: usize, media: Media, from: &str, now: Millis) -> Call {
        Call {
            name: name.to_owned(),
            switch,
            state: State::Waiting,
            queue: LINE,
            media,
            priority: (0, 0),
            skills: (Vec::new(), Vec::new()),
            from: from.to_owned(),
            steps: None,
            preferred: None,
            step: 0,
            hold: None,
            picked: None,
            direct: None,
            entered_at: now,
            queued_at: now,
            waited_in: LINE,
            away_ms: 0,
            held: false,
            hops: 0,
            entering: false,
            exit_due: None,
            tried: Vec::new(),
            pass_began: None,
            pass_spaced: false,
            cursor: None,
            attempts: 0,
            widths: 0,
            announced: 0,
            handed: false,
            connected_at: now,
            legs: 0,
            closing: Vec::new(),
            closing_until: None,
            frozen_until: None,
            replay_until: None,
            next_seq: 1,
            counted_day: 0,
            callback: None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    Answered,
    Missed,
    Refused,
    Failed(OfferFailure),
    Withdrawn(Withdrawn),
}

struct Offer {
    call: usize,
    agent: usize,
    queue: usize,
    /// Where the agent is a member: another queue when the step adds it.
    through: usize,
    /// Ordered beyond the capacity.
    over: bool,
    made_at: Millis,
    ring_for_ms: u64,
    until: Millis,
    /// It ends by ringing out, not cut short by `total`.
    full_ring: bool,
    at_desk: bool,
    ringing: bool,
    /// The number of the window.
    counted_in: Option<i64>,
    ending: Option<Ending>,
}

struct Parked {
    until: Millis,
    seq: u64,
    report: Report,
}

impl Model {
    /// An empty account at an instant.
    #[must_use]
    pub fn new(now: Millis) -> Model {
        Model {
            now,
            account: Account::default(),
            skills: Vec::new(),
            agents: Vec::new(),
            queues: vec![Queue {
                name: DIRECT_LINE.to_owned(),
                config: Rc::new(direct_line()),
                members: Vec::new(),
                last: None,
                today: DayCounts::default(),
            }],
            routes: Vec::new(),
            calendars: Vec::new(),
            switches: Vec::new(),
            calls: Vec::new(),
            offers: Vec::new(),
            seen: Vec::new(),
            parked: Vec::new(),
            last_agents: Vec::new(),
            day: now.0.div_euclid(86_400_000),
            inputs: 0,
            facts: Vec::new(),
            dice: Dice { seed: 1, taken: 0 },
        }
    }

    /// Applies one input, then matches until nothing changes; what could be seen, in order.
    /// `At` and `Expect` are the runner's, not inputs.
    pub fn apply(&mut self, now: Millis, step: &Step) -> Vec<Fact> {
        self.now = now;
        self.inputs += 1;
        self.input(step);
        self.settle();
        self.note_work();
        std::mem::take(&mut self.facts)
    }

    fn input(&mut self, step: &Step) {
        let done = match step {
            Step::At(_) | Step::Expect(_) => Ok(()),
            Step::Put { kind, parent, id, body } => self.put(*kind, parent, id, body),
            Step::RemoveMember { queue, user } => self.remove_member(queue, user),
            Step::Event(report) => {
                self.report(report);
                Ok(())
            }
            Step::Status { user, status, when, lease_ms } => {
                self.own_status(user, *status, *when, *lease_ms)
            }
            Step::Force { user, status, when } => self.force(user, *status, *when),
            Step::Clear { user } => self.clear_forced(user),
            Step::Opt { user, queue, opted_in } => self.opt(user, queue, *opted_in),
            Step::Accept { call, user } => self.accept(call, user),
            Step::Refuse { call, user } => self.refuse_at_desk(call, user),
            Step::Wrapped { call, user } => self.wrapped(call, user),
            Step::Callback { call, queue, switch } => self.make_callback(call, queue, switch),
            Step::Cancel { call } => self.cancel(call),
            Step::HangUp { call } => self.hang_up(call),
            Step::Assign { call, user } => self.assign(call, user),
            Step::Change { call, priority, skills, queue } => {
                let (priority, skills, queue) = (*priority, skills.as_deref(), queue.as_deref());
                self.change(call, &by_hand::Change { priority, skills, queue })
            }
            Step::Desk { user, desk, open } => self.desk(user, *desk, *open),
            Step::Spoke { switch } => {
                if let Some(switch) = self.switch_named(switch) {
                    self.spoke(switch);
                }
                Ok(())
            }
            Step::Link { switch, open } => {
                self.link(switch, *open);
                Ok(())
            }
            Step::Unreachable { switch } => {
                if let Some(switch) = self.switch_named(switch) {
                    self.suspect(switch);
                }
                Ok(())
            }
            Step::Restart { away_ms } => {
                self.restart(*away_ms);
                Ok(())
            }
        };
        if done.is_err() {
            self.fact(Fact::No);
        }
    }

    fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    fn agent_named(&self, name: &str) -> Option<usize> {
        self.agents.iter().position(|a| a.name == name)
    }

    fn queue_named(&self, name: &str) -> Option<usize> {
        self.queues.iter().position(|q| q.name == name)
    }

    fn switch_named(&self, name: &str) -> Option<usize> {
        self.switches.iter().position(|s| s.name == name)
    }

    /// The call of a name, live or ended; the last one.
    fn call_named(&self, switch: usize, name: &str) -> Option<usize> {
        self.calls.iter().rposition(|c| c.switch == switch && c.name == name)
    }

    /// The last offer of a call (of any switch) to an agent.
    fn offer_named(&self, call: &str, agent: &str) -> Option<usize> {
        self.offers
            .iter()
            .rposition(|o| self.calls[o.call].name == call && self.agents[o.agent].name == agent)
    }

    fn open_offers(&self, call: usize) -> Vec<usize> {
        self.offers_where(|o| o.call == call)
    }

    fn offers_to(&self, agent: usize) -> Vec<usize> {
        self.offers_where(|o| o.agent == agent)
    }

    /// The open offers that `which` names, in order of making.
    fn offers_where(&self, which: impl Fn(&Offer) -> bool) -> Vec<usize> {
        (0..self.offers.len())
            .filter(|o| self.offers[*o].ending.is_none() && which(&self.offers[*o]))
            .collect()
    }

    fn connected_to(&self, agent: usize) -> Vec<usize> {
        (0..self.calls.len())
            .filter(|c| self.calls[*c].state == State::Connected { agent })
            .collect()
    }

    /// Whether an offer, call or wrap-up is left.
    fn works(&self, agent: usize) -> bool {
        !self.offers_to(agent).is_empty() || self.is_on_call_or_wrapping_up(agent)
    }

    fn is_on_call_or_wrapping_up(&self, agent: usize) -> bool {
        !self.connected_to(agent).is_empty()
            || !self.agents[agent].own_calls.is_empty()
            || !self.agents[agent].wrap_ups.is_empty()
    }

    fn ended_fact(&mut self, call: usize, outcome: Outcome) {
        let call = self.calls[call].name.clone();
        self.fact(Fact::Ended { call, outcome });
    }
}

/// A refusal: nothing changed.
struct No;
type Done = Result<(), No>;
