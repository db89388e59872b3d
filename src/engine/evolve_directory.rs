//! `evolve` for configuration: a change is applied as a difference, nobody loses a place.

use super::derived::{Derived, Extension};
use super::evolve::grow;
use super::need_index::judge_watchers;
use super::refresh::{forget_pair, note, touch_agent, touch_call, unplace};
use super::state::{Agent, Item, Pair, QueueState, State, SwitchState};
use super::steps::{note_who_prefers, place_anew, steps_changed};
use super::vault::Vault;
use super::windows;
use crate::domain::event::{Event, PersonalKey};
use crate::domain::ids::{AgentIx, CallId, Name, QueueIx, SkillIx, SwitchIx};
use crate::domain::objects::queue::Source;
use crate::domain::objects::user::UserState;
use crate::domain::objects::{AccessGroup, Direct, Member, Queue, Skill, Switch, User};
use crate::domain::presence::Status;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Applies an event about configuration; `false` when it is about something else.
pub fn evolve(state: &mut State, derived: &mut Derived, vault: &mut Vault, event: &Event) -> bool {
    let seq = state.seq;
    match event {
        Event::AccountSet(account) => {
            state.account = (**account).clone();
            state.account_version = seq;
            derived.civil_day = None;
            (0..state.agents.len()).for_each(|i| touch_agent(derived, AgentIx(i as u32)));
        }
        Event::SkillPut { id, by: _, skill } => skill_set(state, derived, id, Some(skill.clone())),
        Event::SkillDeleted { id, by: _ } => skill_set(state, derived, id, None),
        Event::UserPut { id, by: _, user, personal, has_endpoint } => {
            user_put(state, derived, vault, id, user, *personal, *has_endpoint);
        }
        Event::UserChanged { agent: ix, by: _, role, skills, capacity } => {
            forget_pairs(state, derived, *ix);
            let agent = &mut state.agents[ix.at()];
            agent.version = seq;
            let user = Arc::make_mut(&mut agent.user);
            if let Some(role) = role {
                (user.role, user.custom_role) = (*role, None);
                derived.touched.rights.push(*ix);
            }
            if let Some(capacity) = capacity {
                user.capacity.clone_from(capacity);
            }
            if let Some(skills) = skills {
                user.skills.clone_from(skills);
                agent.skills = skill_numbers(skills, derived);
            }
            touch_agent(derived, *ix);
        }
        Event::UserErased { agent, by: _ } => user_erased(state, derived, vault, *agent),
        Event::QueuePut { id, by: _, queue } => queue_put(state, derived, id, queue),
        Event::QueueDeleted { queue, by: _ } => queue_deleted(state, derived, *queue),
        Event::MemberPut { queue, agent, by: _, member, source } => {
            member_put(state, derived, *queue, *agent, (*member, *source));
        }
        Event::MemberDeleted { queue, agent, by: _ } => {
            member_deleted(state, derived, *queue, *agent);
        }
        Event::RoutePut { id, by: _, route } => {
            if let Some(old) = state.routes.get(id).and_then(|r| r.value.as_ref()) {
                free_number(derived, &old.number, id);
            }
            derived.numbers.insert(route.number.clone(), id.clone());
            let item = Item { id: id.clone(), version: seq, value: Some(route.clone()) };
            state.routes.insert(id.clone(), item);
        }
        Event::RouteDeleted { id, by: _ } => {
            if let Some(old) = state.routes.remove(id).and_then(|r| r.value) {
                free_number(derived, &old.number, id);
            }
        }
        Event::SwitchPut { id, by: _, switch } => switch_put(state, derived, id, switch),
        Event::SwitchDeleted { switch, by: _ } => {
            let s = &mut state.switches[switch.at()];
            s.deleted = true;
            s.version = seq;
            s.outbox.clear();
            derived.switches.remove(&s.id);
        }
        Event::BreakReasonPut { id, by: _, name } => {
            let item = Item { id: id.clone(), version: seq, value: Some(name.clone()) };
            state.break_reasons.insert(id.clone(), item);
        }
        Event::DispositionPut { id, by: _, name } => {
            let item = Item { id: id.clone(), version: seq, value: Some(name.clone()) };
            state.dispositions.insert(id.clone(), item);
        }
        Event::DispositionDeleted { id, by: _ } => {
            state.dispositions.remove(id);
        }
        Event::BreakReasonDeleted { id, by: _ } => {
            state.break_reasons.remove(id);
        }
        Event::CalendarPut { id, by: _, calendar } => {
            let value = Some((**calendar).clone());
            state.calendars.insert(id.clone(), Item { id: id.clone(), version: seq, value });
        }
        Event::CalendarDeleted { id, by: _ } => {
            state.calendars.remove(id);
        }
        Event::RolePut { id, by: _, role } => {
            let value = Some((**role).clone());
            state.roles.insert(id.clone(), Item { id: id.clone(), version: seq, value });
            let holders = state.agents.iter().filter(|a| a.user.custom_role.as_deref() == Some(id));
            derived.touched.rights.extend(holders.map(|a| a.ix));
        }
        Event::RoleDeleted { id, by: _ } => _ = state.roles.remove(id),
        Event::AlertRulePut { id, by: _, rule } => {
            let value = Some((**rule).clone());
            state.alert_rules.insert(id.clone(), Item { id: id.clone(), version: seq, value });
        }
        Event::AlertRuleDeleted { id, by: _ } => _ = state.alert_rules.remove(id),
        Event::AccessGroupPut { id, by: _, group } => {
            let value = Some((**group).clone());
            let item = Item { id: id.clone(), version: seq, value };
            let old = state.access_groups.insert(id.clone(), item);
            touch_members(derived, old.and_then(|item| item.value).as_ref());
            touch_members(derived, Some(&**group));
        }
        Event::AccessGroupDeleted { id, by: _ } => {
            let old = state.access_groups.remove(id);
            touch_members(derived, old.and_then(|item| item.value).as_ref());
        }
        _ => {
            return super::imports::evolve(state, event)
                || super::teams::evolve(state, derived, event);
        }
    }
    true
}

/// A route's number is free, unless another route of the same record has it by now.
fn free_number(derived: &mut Derived, number: &str, id: &Name) {
    if derived.numbers.get(number) == Some(id) {
        derived.numbers.remove(number);
    }
}

/// What the members of an access group see is another.
fn touch_members(derived: &mut Derived, group: Option<&AccessGroup>) {
    let members = group.into_iter().flat_map(|group| &group.members);
    let members: Vec<AgentIx> =
        members.filter_map(|user| derived.users.get(user.as_str()).copied()).collect();
    derived.touched.rights.extend(members);
}

/// Levels are scaled by the skill's range, and a requirement may name a skill that now exists: the
/// queues' tables are made anew.
fn skill_set(state: &mut State, derived: &mut Derived, id: &Name, skill: Option<Skill>) {
    let version = state.seq;
    leave_tables(state, derived);
    match state.skills.iter_mut().find(|s| s.id == *id) {
        Some(known) => (known.value, known.version) = (skill, version),
        None => state.skills.push(Item { id: id.clone(), version, value: skill }),
    }
    let ix = state.skills.iter().position(|s| s.id == *id).unwrap_or(0);
    if state.skills[ix].value.is_some() {
        derived.skills.insert(id.clone(), SkillIx(ix as u32));
    } else {
        derived.skills.remove(id);
    }
    for agent in &mut state.agents {
        let user = agent.user.clone();
        agent.skills = skill_numbers(&user.skills, derived);
    }
    enter_tables(state, derived);
}

fn leave_tables(state: &State, derived: &mut Derived) {
    for q in 0..state.queues.len() {
        leave_queue(state, derived, QueueIx(q as u32));
    }
}

fn enter_tables(state: &State, derived: &mut Derived) {
    derived.needs.clear();
    for q in 0..state.queues.len() {
        enter_queue(state, derived, QueueIx(q as u32));
    }
}

/// Takes a queue's members and calls out of its tables.
fn leave_queue(state: &State, derived: &mut Derived, queue: QueueIx) {
    for ix in &state.queue(queue).members {
        forget_pair(state, derived, *ix, queue);
    }
    let waiting: Vec<CallId> =
        derived.index[queue.at()].waiting.iter().map(|(_, id)| *id).collect();
    for id in waiting {
        unplace(derived, id);
        touch_call(derived, id);
        // Another configuration may have an exit due.
        derived.touched.settle.push(id);
    }
    derived.index[queue.at()].by_need.clear();
    // Where other queues' members take this one's calls, they are sorted by its order.
    for index in &mut derived.index {
        index.by_need.retain(|by_need| by_need.home != queue);
    }
}

/// Has them put back at the next refresh.
fn enter_queue(state: &State, derived: &mut Derived, queue: QueueIx) {
    for ix in &state.queue(queue).members {
        touch_agent(derived, *ix);
    }
    note(&mut derived.touched.queues, queue);
    note(&mut derived.touched.judged, queue);
    judge_watchers(state, derived, queue);
}

/// Skills by number.
pub(super) fn skill_numbers(
    named: &BTreeMap<String, Option<u16>>,
    derived: &Derived,
) -> Vec<(SkillIx, Option<u16>)> {
    let mut skills: Vec<_> = named
        .iter()
        .filter_map(|(name, level)| Some((derived.skills.get(name.as_str()).copied()?, *level)))
        .collect();
    skills.sort_unstable();
    skills
}

fn user_put(
    state: &mut State,
    derived: &mut Derived,
    vault: &Vault,
    id: &Name,
    user: &User,
    personal: PersonalKey,
    has_endpoint: bool,
) {
    let (seq, at) = (state.seq, state.at);
    state.last_personal = state.last_personal.max(personal);
    let skills = skill_numbers(&user.skills, derived);
    let blocked = user.blocked_until.is_some_and(|until| until > at);
    let ix = if let Some(ix) = derived.users.get(id).copied() {
        let queues: Vec<QueueIx> = state.agent(ix).pairs.iter().map(|p| p.queue).collect();
        for queue in queues {
            forget_pair(state, derived, ix, queue);
        }
        unlist(state, derived, vault, ix);
        ix
    } else {
        let ix = AgentIx(state.agents.len() as u32);
        state.agents.push(new_agent(ix, id.clone(), user, at));
        derived.users.insert(id.clone(), ix);
        derived.pairs.push(Vec::new());
        place_anew(state, derived);
        ix
    };
    let agent = &mut state.agents[ix.at()];
    let had = (agent.user.role, agent.user.custom_role.as_deref());
    if had != (user.role, user.custom_role.as_deref()) {
        derived.touched.rights.push(ix);
    }
    agent.version = seq;
    agent.user = Arc::new(user.clone());
    agent.personal = personal;
    agent.has_endpoint = has_endpoint;
    agent.skills = skills;
    agent.blocked = blocked;
    list(state, derived, vault, ix);
    touch_agent(derived, ix);
}

fn new_agent(ix: AgentIx, id: Name, user: &User, at: crate::domain::time::Millis) -> Agent {
    Agent {
        ix,
        id,
        version: 0,
        user: Arc::new(user.clone()),
        personal: 0,
        has_endpoint: false,
        skills: Vec::new(),
        status: Status::Offline,
        reason: None,
        status_at: at,
        forced_by: None,
        next: None,
        desks: Vec::new(),
        lease_until: None,
        grace_until: None,
        active_at: at,
        device_lost: false,
        device_unreached: false,
        blocked: false,
        misses: 0,
        unreachable: 0,
        idle_since: at,
        delay_until: None,
        offers: Vec::new(),
        calls: Vec::new(),
        wrap_ups: Vec::new(),
        own_calls: Vec::new(),
        unread: Vec::new(),
        teams: Vec::new(),
        pairs: Vec::new(),
        shift: 0,
        ledger: None,
        detail: None,
        since: at,
        changed: 0,
    }
}

/// Puts an agent's extension and endpoint into the tables.
pub(super) fn list(state: &State, derived: &mut Derived, vault: &Vault, ix: AgentIx) {
    let agent = state.agent(ix);
    if let Some(extension) = &agent.user.extension {
        derived.extensions.insert(extension.clone(), Extension::User(ix));
    }
    let Some(values) = vault.user(agent.personal) else { return };
    if let Some(endpoint) = values.personal.endpoint.clone() {
        derived.endpoints.insert(endpoint, ix);
    }
    for number in &values.personal.numbers {
        derived.own_numbers.insert(number.clone(), ix);
    }
    if let Some(email) = email(vault, agent) {
        let mut users = derived.emails.remove(&email).unwrap_or_default();
        users.push(ix);
        users.sort_unstable();
        derived.emails.insert(email, users);
    }
}

fn email(vault: &Vault, agent: &Agent) -> Option<String> {
    Some(vault.user(agent.personal)?.personal.email.as_ref()?.to_lowercase())
}

/// The personal values themselves go from the vault with the record.
fn user_erased(state: &mut State, derived: &mut Derived, vault: &Vault, ix: AgentIx) {
    forget_pairs(state, derived, ix);
    unlist(state, derived, vault, ix);
    state.saved_views.remove(&state.agents[ix.at()].id);
    let seq = state.seq;
    let agent = &mut state.agents[ix.at()];
    let user = Arc::make_mut(&mut agent.user);
    user.state = UserState::Deactivated;
    user.archived = true;
    user.extension = None;
    user.direct = Direct::default();
    agent.has_endpoint = false;
    agent.version = seq;
    touch_agent(derived, ix);
}

fn unlist(state: &State, derived: &mut Derived, vault: &Vault, ix: AgentIx) {
    let agent = state.agent(ix);
    if let Some(extension) = &agent.user.extension
        && derived.extensions.get(extension) == Some(&Extension::User(ix))
    {
        derived.extensions.remove(extension);
    }
    let Some(values) = vault.user(agent.personal) else { return };
    if let Some(endpoint) = values.personal.endpoint.as_deref()
        && derived.endpoints.get(endpoint) == Some(&ix)
    {
        derived.endpoints.remove(endpoint);
    }
    for number in &values.personal.numbers {
        if derived.own_numbers.get(number) == Some(&ix) {
            derived.own_numbers.remove(number);
        }
    }
    let email = email(vault, agent);
    if let Some((email, mut users)) =
        email.and_then(|email| derived.emails.remove(&email).map(|users| (email, users)))
    {
        users.retain(|user| *user != ix);
        if !users.is_empty() {
            derived.emails.insert(email, users);
        }
    }
}

fn queue_put(state: &mut State, derived: &mut Derived, id: &Name, queue: &Queue) {
    let seq = state.seq;
    let ix = if let Some(ix) = derived.queues.get(id).copied() {
        let waiting: Vec<CallId> =
            derived.index[ix.at()].waiting.iter().map(|(_, id)| *id).collect();
        leave_queue(state, derived, ix);
        if let Some(old) = &state.queue(ix).config.extension
            && derived.extensions.get(old) == Some(&Extension::Group(ix))
        {
            derived.extensions.remove(old);
        }
        let q = &mut state.queues[ix.at()];
        q.version = seq;
        let old = std::mem::replace(&mut q.config, Arc::new(queue.clone()));
        windows::changed(state, ix, &old);
        if old.steps != queue.steps {
            steps_changed(state, derived, ix, &waiting);
        }
        if old.priority != queue.priority {
            // Waiting calls are touched by entering the queue; what is answered shows it as well.
            let live = derived.switch_calls.iter().flatten();
            let of_queue = live.filter(|id| state.call(**id).is_some_and(|c| c.queue == Some(ix)));
            for id in of_queue.copied().collect::<Vec<_>>() {
                touch_call(derived, id);
            }
        }
        ix
    } else {
        let ix = QueueIx(state.queues.len() as u32);
        state.queues.push(QueueState::new(ix, id.clone(), seq, Arc::new(queue.clone())));
        derived.queues.insert(id.clone(), ix);
        grow(derived, state.queues.len());
        ix
    };
    if let Some(extension) = &queue.extension {
        derived.extensions.insert(extension.clone(), Extension::Group(ix));
    }
    place_anew(state, derived);
    note_who_prefers(state, derived);
    enter_queue(state, derived, ix);
}

fn queue_deleted(state: &mut State, derived: &mut Derived, queue: QueueIx) {
    leave_queue(state, derived, queue);
    for ix in state.queue(queue).members.clone() {
        remove_pair(state, derived, ix, queue);
    }
    let seq = state.seq;
    for team in state.teams.values_mut() {
        team.queues.remove(&queue);
    }
    let q = &mut state.queues[queue.at()];
    q.deleted = true;
    q.members.clear();
    q.version = seq;
    derived.queues.remove(&q.id);
    if let Some(extension) = &q.config.extension {
        derived.extensions.remove(extension);
    }
    place_anew(state, derived);
    note_who_prefers(state, derived);
    note(&mut derived.touched.queues, queue);
}

fn member_put(
    state: &mut State,
    derived: &mut Derived,
    queue: QueueIx,
    ix: AgentIx,
    (member, source): (Member, Source),
) {
    forget_pairs(state, derived, ix);
    let version = state.seq;
    let agent = &mut state.agents[ix.at()];
    if let Some(pair) = agent.pairs.iter_mut().find(|p| p.queue == queue) {
        (pair.stars, pair.position, pair.version) = (member.stars, member.position, version);
        pair.source = source;
    } else {
        // Memberships come seldom and stay: no room for what may never come.
        agent.pairs.reserve_exact(1);
        agent.pairs.push(Pair {
            queue,
            version,
            stars: member.stars,
            position: member.position,
            opted_in: true,
            source,
            count: 0,
            day: None,
            rolling: VecDeque::new(),
        });
        let members = &mut state.queues[queue.at()].members;
        if let Err(at) = members.binary_search(&ix) {
            members.insert(at, ix);
        }
    }
    touch_agent(derived, ix);
}

fn member_deleted(state: &mut State, derived: &mut Derived, queue: QueueIx, ix: AgentIx) {
    remove_pair(state, derived, ix, queue);
    state.queues[queue.at()].members.retain(|a| *a != ix);
    note(&mut derived.touched.judged, queue);
    judge_watchers(state, derived, queue);
}

/// A membership decides which other ones count for a call: all leave the tables and come back.
fn forget_pairs(state: &State, derived: &mut Derived, ix: AgentIx) {
    for pair in &state.agent(ix).pairs {
        forget_pair(state, derived, ix, pair.queue);
    }
}

fn remove_pair(state: &mut State, derived: &mut Derived, ix: AgentIx, queue: QueueIx) {
    forget_pairs(state, derived, ix);
    let agent = &mut state.agents[ix.at()];
    if let Some(at) = agent.pairs.iter().position(|p| p.queue == queue) {
        agent.pairs.remove(at);
        if at < derived.pairs[ix.at()].len() {
            derived.pairs[ix.at()].remove(at);
        }
    }
    touch_agent(derived, ix);
}

fn switch_put(state: &mut State, derived: &mut Derived, id: &Name, switch: &Switch) {
    let (seq, at) = (state.seq, state.at);
    if let Some(ix) = derived.switches.get(id).copied() {
        let s = &mut state.switches[ix.at()];
        s.version = seq;
        s.config = Arc::new(switch.clone());
        let calls: Vec<CallId> = derived.switch_calls[ix.at()].iter().copied().collect();
        for call in calls {
            touch_call(derived, call);
        }
        return;
    }
    let ix = SwitchIx(state.switches.len() as u32);
    state.switches.push(SwitchState {
        ix,
        id: id.clone(),
        version: seq,
        config: Arc::new(switch.clone()),
        deleted: false,
        boot: None,
        old_boots: Vec::new(),
        beats: false,
        linked: false,
        heard_at: at,
        suspected: false,
        last_seq: 0,
        outbox: VecDeque::new(),
        parked: BTreeMap::new(),
    });
    derived.switches.insert(id.clone(), ix);
    derived.switch_calls.push(BTreeSet::new());
}
