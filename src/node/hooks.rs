//! Tells hooks what happened, and sends scheduled reports: off the pipeline, a task for each account
//! that has any. What is to be told stands in the engine's state until it was taken: after an end of
//! the process it is told then, and what was under way perhaps twice, with the same id.

use crate::domain::figures::is_of_intervals;
use crate::domain::ids::Name;
use crate::domain::input::{Answer, Command, Input, Query};
use crate::domain::objects::hook::{Hook, HookEvent};
use crate::domain::objects::report::Report;
use crate::domain::time::Millis;
use crate::mail::Sender;
use crate::node::handle::Handle;
use crate::node::history::Fresh;
use crate::node::inbox::Inbox;
use crate::node::shared::Shared;
use crate::node::signing::node;
use crate::node::start::Options;
use crate::reporting::history::Across;
use crate::reporting::history::intervals::{self, Interval};
use crate::reporting::history::read::{Look, Wish};
use crate::switch::webhook::Client;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;

/// An interval is told so long after its end: what happened at the edge is counted by then.
const GRACE_MS: u64 = 2_000;
/// Intervals that ended longer ago are not told any more.
const MAKE_UP_MS: i64 = 24 * 3_600_000;
/// After the first failure; doubled with each.
const FIRST_WAIT_MS: u64 = 1_000;
/// … up to this.
const LONGEST_WAIT_MS: u64 = 300_000;
/// The node had no room to be asked: it is asked again so much later.
const ASK_AGAIN_MS: u64 = 5_000;

/// What all tasks share.
#[derive(Clone)]
pub(super) struct Hooks {
    pub shared: Weak<Shared>,
    pub client: Client,
    /// Reports are mailed by it, where there is a mail server.
    pub mail: Option<Arc<Sender>>,
    /// Reports are put below it, where the configuration names one.
    pub folder: Option<PathBuf>,
}

/// What an account has to be told of.
#[derive(Deserialize)]
pub(super) struct Plan {
    hooks: Vec<HookPlan>,
    reports: Vec<ReportPlan>,
    /// The account, as people call it.
    pub name: String,
    pub time_zone: String,
}

#[derive(Deserialize)]
struct HookPlan {
    id: Name,
    hook: Hook,
    closed_until: i64,
    notices: Vec<Notice>,
}

#[derive(Deserialize)]
struct Notice {
    no: u64,
    at: i64,
    #[serde(rename = "type")]
    event: HookEvent,
    alert: Value,
}

/// A report, and until when it was sent.
#[derive(Deserialize)]
pub(super) struct ReportPlan {
    pub id: Name,
    pub report: Report,
    pub until: i64,
    pub users: Vec<Addressee>,
}

/// Whom a report is mailed to.
#[derive(Clone, Deserialize)]
pub(super) struct Addressee {
    pub id: String,
    pub to: String,
    pub name: Option<String>,
}

/// What a task remembers between its rounds.
#[derive(Default)]
pub(super) struct Memory {
    /// Failures in a row of each hook or report, and when it is tried again.
    tries: BTreeMap<String, (u32, Millis)>,
    /// Who has a report of a period already: while others are tried again.
    pub mailed: BTreeSet<(Name, Millis, String)>,
}

impl Memory {
    /// When it may be tried again, if that is later than now.
    fn barred(&self, what: &str, now: Millis) -> Option<Millis> {
        self.tries.get(what).map(|(_, at)| *at).filter(|at| *at > now)
    }

    fn failed(&mut self, what: String, now: Millis) -> Millis {
        let (failures, at) = self.tries.entry(what).or_insert((0, now));
        let wait = (FIRST_WAIT_MS << (*failures).min(16)).min(LONGEST_WAIT_MS);
        (*failures, *at) = (*failures + 1, now.plus(wait));
        *at
    }
}

impl Hooks {
    /// Runs for as long as the node does. Accounts come when they have something new.
    pub async fn run(self, mut accounts: mpsc::UnboundedReceiver<Name>) {
        let mut tasks: BTreeMap<Name, mpsc::UnboundedSender<()>> = BTreeMap::new();
        while let Some(account) = accounts.recv().await {
            let task = tasks.entry(account.clone()).or_insert_with(|| {
                let (wake, woken) = mpsc::unbounded_channel();
                tokio::spawn(self.clone().serve(account, woken));
                wake
            });
            // A task ends with this map alone.
            let _ = task.send(());
        }
    }

    async fn serve(self, account: Name, mut woken: mpsc::UnboundedReceiver<()>) {
        let mut memory = Memory::default();
        let mut due_at = None;
        loop {
            let Some(clock) = self.shared.upgrade().map(|shared| shared.clock.clone()) else {
                return;
            };
            tokio::select! {
                wake = woken.recv() => if wake.is_none() { return },
                () = clock.sleep_until(due_at) => {}
            }
            while woken.try_recv().is_ok() {}
            let Some(shared) = self.shared.upgrade() else { return };
            due_at = self.round(&Handle { shared }, &account, &mut memory).await;
        }
    }

    /// Tells what is due; answers when there is something again. `None`: never by itself.
    async fn round(&self, handle: &Handle, account: &Name, memory: &mut Memory) -> Option<Millis> {
        let again = || Some(handle.now().plus(ASK_AGAIN_MS));
        let input = Input::Query { actor: node(), query: Query::Hooks };
        let Ok(Answer::Done { body, .. }) = handle.send(account, input).await else {
            return again();
        };
        let plan: Plan = match serde_json::from_value(body) {
            Ok(plan) => plan,
            Err(error) => {
                tracing::error!(%account, %error, "what hooks are to be told cannot be read");
                return again();
            }
        };
        let mut due_at = None;
        let mut earlier = |at: Option<Millis>| due_at = due_at.into_iter().chain(at).min();
        let now = handle.now();
        let mut under_way = Vec::new();
        for hook in plan.hooks.iter().filter(|plan| plan.hook.enabled) {
            match memory.barred(&format!("hook {}", hook.id), now) {
                Some(at) => earlier(Some(at)),
                None => under_way.push(self.tell(handle, account, &plan.time_zone, hook)),
            }
        }
        // Side by side: one that does not answer holds up no other.
        let told = futures_util::future::join_all(under_way).await;
        for (hook, told) in told {
            let what = format!("hook {hook}");
            match told {
                Ok(at) => {
                    memory.tries.remove(&what);
                    earlier(at);
                }
                Err(()) => earlier(Some(memory.failed(what, handle.now()))),
            }
        }
        for report in plan.reports.iter().filter(|plan| plan.report.enabled) {
            let what = format!("report {}", report.id);
            match memory.barred(&what, now) {
                Some(at) => earlier(Some(at)),
                None => match self.report(handle, account, &plan, report, memory).await {
                    Ok(at) => {
                        memory.tries.remove(&what);
                        earlier(at);
                    }
                    Err(()) => earlier(Some(memory.failed(what, handle.now()))),
                },
            }
        }
        due_at
    }

    /// Tells one hook all that is due to it, in its order; answers when there is something again.
    async fn tell<'a>(
        &self,
        handle: &Handle,
        account: &Name,
        zone: &str,
        plan: &'a HookPlan,
    ) -> (&'a Name, Result<Option<Millis>, ()>) {
        (&plan.id, self.tell_all(handle, account, zone, plan).await)
    }

    async fn tell_all(
        &self,
        handle: &Handle,
        account: &Name,
        zone: &str,
        plan: &HookPlan,
    ) -> Result<Option<Millis>, ()> {
        let HookPlan { id, hook, closed_until, notices } = plan;
        for Notice { no, at, event, alert } in notices {
            let message = format!("{account}-{id}-{no}");
            let body = json!({ "type": event, "id": message, "timestamp": Millis(*at).rfc3339(),
                "account": account, "data": alert });
            self.post(handle, account, plan, &message, &body).await?;
            told(handle, account, id, (*no, None)).await?;
        }
        if !hook.wants(HookEvent::IntervalClosed) {
            // What came meanwhile woke the task.
            return Ok(None);
        }
        let zone = intervals::zone(zone).unwrap_or(TimeZone::UTC);
        let now = handle.now();
        let mut from = Millis(*closed_until);
        let oldest = Millis(now.0 - MAKE_UP_MS);
        if from < oldest {
            tracing::warn!(%account, hook = %id, "intervals that ended more than a day ago are not told");
            from = oldest;
        }
        loop {
            let Some((begins, ends)) = interval(hook, from, &zone) else { return Ok(None) };
            let due_at = ends.plus(GRACE_MS);
            if handle.now() < due_at {
                return Ok(Some(due_at));
            }
            let message = format!("{account}-{id}-{}-{}", hook.interval, ends.0);
            let data = closed(handle, account, hook, (begins, ends)).await?;
            let body = json!({ "type": HookEvent::IntervalClosed, "id": message,
                "timestamp": ends.rfc3339(), "account": account, "data": data });
            self.post(handle, account, plan, &message, &body).await?;
            told(handle, account, id, (0, Some(ends))).await?;
            from = ends;
        }
    }

    async fn post(
        &self,
        handle: &Handle,
        account: &Name,
        plan: &HookPlan,
        id: &str,
        body: &Value,
    ) -> Result<(), ()> {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        match self.client.post(&plan.hook.webhook, id, handle.now(), bytes).await {
            Ok(_) => {
                metrics::counter!("callboard_hooks_told_total", "outcome" => "taken").increment(1);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%account, hook = %plan.id, %error, "a hook did not take what it was told");
                metrics::counter!("callboard_hooks_told_total", "outcome" => "failed").increment(1);
                Err(())
            }
        }
    }
}

/// Begins with the accounts that have hooks or reports.
pub(super) fn start(options: &Options, shared: &Arc<Shared>, inbox: &Inbox) {
    let (tell, accounts) = mpsc::unbounded_channel();
    for run in inbox.runs.iter().filter(|run| run.engine.has_hooks()) {
        // Its receiver is here.
        let _ = tell.send(run.name.clone());
    }
    let _ = shared.hooks.set(tell);
    let hooks = Hooks {
        shared: Arc::downgrade(shared),
        client: options.webhooks.clone(),
        mail: options.mail.clone(),
        folder: options.reports_folder.clone(),
    };
    tokio::spawn(hooks.run(accounts));
}

/// The interval that an instant lies in.
fn interval(hook: &Hook, at: Millis, zone: &TimeZone) -> Option<(Millis, Millis)> {
    let interval = Interval::parse(hook.interval.word())?;
    let edges = interval.edges((at, at.plus(1)), zone, 4)?;
    Some((*edges.first()?, *edges.get(1)?))
}

/// The figures of an interval that is over.
async fn closed(
    handle: &Handle,
    account: &Name,
    hook: &Hook,
    (from, to): (Millis, Millis),
) -> Result<Value, ()> {
    let across = Across::parse(hook.by.word()).unwrap_or(Across::Queue);
    let (named, interval, threshold) = (account.clone(), hook.interval, hook.threshold_s);
    let look = move |look: &Look<'_>| {
        let all = Wish::all(across, usize::MAX, vec![from, to]);
        let wish = Wish { thresholds: vec![threshold], ..all };
        let told = look.sums(&wish, &|_| true)?;
        let complete =
            told.items.iter().all(|(_, sums)| sums[0].complete) && look.position().at >= to.0;
        let items = told.items.iter().map(|(id, sums)| {
            let facts = sums[0].facts(threshold);
            let figures = across.figures().filter(|figure| is_of_intervals(figure.name));
            let value = figures.map(|figure| (figure.name.to_owned(), figure.value(&facts)));
            let figures: Map<String, Value> = value.collect();
            let id = if across == Across::Account { &named } else { id };
            json!({ "id": id, "complete": sums[0].complete, "figures": figures })
        });
        let items: Vec<Value> = items.collect();
        Ok(json!({ "interval": interval, "from": from.rfc3339(), "to": to.rfc3339(),
            "by": across, "threshold_s": threshold, "complete": complete, "seq": look.position().seq, "items": items }))
    };
    let read = handle.history(account, Fresh::Settled, look).await;
    read.map_err(|problem| {
        tracing::warn!(%account, %problem, "an interval for a hook cannot be read");
    })
}

/// The engine hears what was taken, so that it is not told again.
async fn told(
    handle: &Handle,
    account: &Name,
    hook: &Name,
    (notices, closed_until): (u64, Option<Millis>),
) -> Result<(), ()> {
    let command = Command::HookTold { hook: hook.clone(), notices, closed_until };
    hear(handle, account, command).await
}

/// Has the engine note something; without room for it, it is done again later.
pub(super) async fn hear(handle: &Handle, account: &Name, command: Command) -> Result<(), ()> {
    let heard = handle.send(account, Input::Command { actor: node(), command }).await;
    heard.map(drop).map_err(|problem| {
        tracing::warn!(%account, %problem, "what was told cannot be noted: it is told again");
    })
}
