//! What a client of the live feed says, read and checked.

use crate::domain::ids::{Name, is_name, is_user_name};
use crate::live::handle::{Resume, Viewer};
use crate::live::view::{AgentFilter, Filter, RATES_MS, View};
use crate::reporting::figures::{self, Among, By, Seen, Threshold, Window, Wish};
use serde::Deserialize;

/// How many ids a filter may name.
pub const MOST_IDS: usize = 1_000;
/// The longest message a client may send, in bytes.
pub const MOST_BYTES: usize = 64 * 1024;
/// How many lists of figures a subscription may hold.
pub const MOST_FIGURES: usize = 8;
/// The rate when none is asked for, in milliseconds.
pub const DEFAULT_EVERY_MS: u16 = 100;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What it shows.
    pub view: View,
    /// What it has already.
    pub resume: Option<Resume>,
    /// The figures that it shows.
    pub figures: Vec<Wish>,
}

impl From<View> for Subscription {
    fn from(view: View) -> Subscription {
        Subscription { view, resume: None, figures: Vec::new() }
    }
}

/// `{ "subscribe": { … }, "resume": { "epoch", "seq" } }`; `resume` is read inside `subscribe` too.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    subscribe: Subscribe,
    resume: Option<Place>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscribe {
    #[serde(default)]
    queues: Option<Choice>,
    #[serde(default)]
    agents: Option<Choice>,
    #[serde(default)]
    calls: bool,
    #[serde(default)]
    alerts: bool,
    #[serde(default)]
    every_ms: Option<u64>,
    #[serde(default)]
    figures: Vec<Figures>,
    resume: Option<Place>,
}

/// A list of figures.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    by: String,
    window: String,
    threshold_s: Option<u64>,
    ids: Option<Vec<String>>,
    figures: Option<Vec<String>>,
    #[serde(default)]
    thresholds_ms: Vec<u64>,
    queue: Option<String>,
    team: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    epoch: String,
    seq: u64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Choice {
    Text(String),
    Ids(Vec<String>),
    Of(Of),
}

#[derive(Debug, Deserialize)]
struct Of {
    queue: Option<String>,
    group: Option<String>,
    team: Option<String>,
    #[serde(flatten)]
    other: std::collections::BTreeMap<String, serde::de::IgnoredAny>,
}

/// Reads a message of a client.
///
/// # Errors
/// Says in a few words, for the reason of close code 4400, what is wrong with it.
pub fn read(text: &str, viewer: &Viewer) -> Result<Subscription, String> {
    let request: Request = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let Request { mut subscribe, resume } = request;
    let resume = resume.or(subscribe.resume.take());
    let resume = resume.map(|place| Resume { epoch: place.epoch.into(), seq: place.seq });
    subscription(&subscribe, resume, viewer)
}

fn subscription(
    asked: &Subscribe,
    resume: Option<Resume>,
    viewer: &Viewer,
) -> Result<Subscription, String> {
    let view = View {
        queues: queues(asked.queues.as_ref())?,
        agents: agents(asked.agents.as_ref())?,
        calls: asked.calls,
        alerts: asked.alerts,
        every_ms: rate(asked.every_ms)?,
        scope: viewer.scope.clone(),
    };
    Ok(Subscription { view, resume, figures: wishes(&asked.figures, &viewer.figures)? })
}

fn wishes(asked: &[Figures], seen: &Seen) -> Result<Vec<Wish>, String> {
    if asked.len() > MOST_FIGURES {
        return Err(format!("figures: at most {MOST_FIGURES} lists"));
    }
    let wishes: Vec<Wish> =
        asked.iter().map(|asked| wish(asked, seen)).collect::<Result<_, _>>()?;
    let parts = |wish: &Wish| (wish.by, wish.window, wish.threshold, wish.among.clone());
    let is_twice = |(i, wish)| wishes[..i].iter().any(|before| parts(before) == parts(wish));
    match wishes.iter().enumerate().any(is_twice) {
        // A frame could not be told from another's.
        true => {
            Err("figures: two lists with the same by, window, threshold_s, queue and team".into())
        }
        false => Ok(wishes),
    }
}

fn wish(asked: &Figures, seen: &Seen) -> Result<Wish, String> {
    let by = By::parse(&asked.by).ok_or("figures.by: one of queue, group, agent, team, account")?;
    if by == By::Account && *seen != Seen::All {
        return Err("figures.by: the whole account's are for who sees all of it".into());
    }
    let window =
        Window::parse(&asked.window).ok_or("figures.window: one of 15m, 60m, 24h, today")?;
    let threshold = match asked.threshold_s {
        None => Threshold::DEFAULT,
        Some(seconds) => Threshold::of_seconds(seconds)
            .ok_or_else(|| format!("figures.threshold_s: 1 to {}", Threshold::LONGEST_S))?,
    };
    let ids = asked.ids.as_ref().map(|ids| names("figures.ids", ids, is_name));
    let place = |name: &String| {
        let short: String = name.chars().take(40).collect();
        figures::place(name).ok_or(format!("figures.figures: there is no {short:?}"))
    };
    let named = asked.figures.as_ref().map(|all| all.iter().map(place).collect());
    Ok(Wish {
        by,
        window,
        threshold,
        ids: ids.transpose()?.map(|ids| ids.into_iter().collect()),
        figures: named.transpose()?,
        thresholds: thresholds(&asked.thresholds_ms)?,
        among: among(asked, by, seen)?,
    })
}

fn thresholds(asked: &[u64]) -> Result<Vec<Threshold>, String> {
    if asked.len() > Threshold::MOST {
        return Err(format!("figures.thresholds_ms: at most {}", Threshold::MOST));
    }
    let mut thresholds = Vec::new();
    for ms in asked {
        let range = || format!("figures.thresholds_ms: thousands, to {}000", Threshold::LONGEST_S);
        let threshold = Threshold::of_ms(*ms).ok_or_else(range)?;
        if thresholds.contains(&threshold) {
            return Err(format!("figures.thresholds_ms: {ms} stands there twice"));
        }
        thresholds.push(threshold);
    }
    Ok(thresholds)
}

/// Who sees a part of the floor is told shares of queues and teams in sight.
fn among(asked: &Figures, by: By, seen: &Seen) -> Result<Option<Among>, String> {
    if by != By::Agent && (asked.queue.is_some() || asked.team.is_some()) {
        return Err("figures.queue, figures.team: only with by agent".into());
    }
    let is_seen = |id: &str| match seen {
        Seen::All => true,
        Seen::Some(part) => part.queues.contains(id),
    };
    match (&asked.queue, &asked.team) {
        (Some(_), Some(_)) => Err("figures.queue, figures.team: one of both".into()),
        (Some(id), None) if is_name(id) && is_seen(id) => {
            Ok(Some(Among::Queue(id.as_str().into())))
        }
        (Some(_), None) => Err("figures.queue: no queue or group in sight".into()),
        (None, Some(id)) if is_name(id) => Ok(Some(Among::Team(id.as_str().into()))),
        (None, Some(_)) => Err("figures.team: no team's id".into()),
        (None, None) => Ok(None),
    }
}

fn rate(every_ms: Option<u64>) -> Result<u16, String> {
    let Some(asked) = every_ms else { return Ok(DEFAULT_EVERY_MS) };
    let rate = RATES_MS.into_iter().find(|rate| u64::from(*rate) == asked);
    rate.ok_or_else(|| format!("every_ms: one of {RATES_MS:?}, not {asked}"))
}

fn queues(choice: Option<&Choice>) -> Result<Filter, String> {
    match choice {
        None => Ok(Filter::None),
        Some(Choice::Text(text)) if text == "*" => Ok(Filter::All),
        Some(Choice::Ids(ids)) => Ok(Filter::ids(names("queues", ids, is_name)?)),
        Some(Choice::Text(_) | Choice::Of(_)) => Err("queues: \"*\" or a list of ids".into()),
    }
}

fn agents(choice: Option<&Choice>) -> Result<AgentFilter, String> {
    match choice {
        None => Ok(AgentFilter::None),
        Some(Choice::Text(text)) if text == "*" => Ok(AgentFilter::All),
        Some(Choice::Text(_)) => Err(NO_AGENTS.into()),
        Some(Choice::Ids(ids)) => Ok(AgentFilter::ids(names("agents", ids, is_user_name)?)),
        Some(Choice::Of(of)) => members(of),
    }
}

const NO_AGENTS: &str = "agents: \"*\", a list of ids, or one of {queue}, {group}";

fn members(of: &Of) -> Result<AgentFilter, String> {
    if of.team.is_some() {
        return Err("agents by team: not offered yet; use queue or group".into());
    }
    // A group is a queue of another kind: its rows and memberships stand with theirs.
    match (&of.queue, &of.group) {
        (Some(id), None) | (None, Some(id)) if of.other.is_empty() => {
            let name = names("agents", std::slice::from_ref(id), is_name)?;
            name.into_iter().next().map(AgentFilter::Queue).ok_or_else(|| NO_AGENTS.into())
        }
        _ => Err(NO_AGENTS.into()),
    }
}

fn names(field: &str, ids: &[String], is_right: fn(&str) -> bool) -> Result<Vec<Name>, String> {
    if ids.len() > MOST_IDS {
        return Err(format!("{field}: at most {MOST_IDS} ids"));
    }
    match ids.iter().find(|id| !is_right(id)) {
        Some(wrong) => {
            let short: String = wrong.chars().take(24).collect();
            Err(format!("{field}: {short:?} is no id"))
        }
        None => Ok(ids.iter().map(|id| Name::from(&**id)).collect()),
    }
}

/// The subscription as query fields, for the form as Server-Sent Events:
/// `?queues=*|a,b&agents=*|usr_a,usr_b|queue:a|group:a&calls=true&alerts=true&every_ms=100&figures=queue:60m`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// `*`, or ids with commas between.
    pub queues: Option<String>,
    /// `*`, ids with commas between, or `queue:` or `group:` and an id.
    pub agents: Option<String>,
    /// Whether calls.
    #[serde(default)]
    pub calls: bool,
    /// Whether alerts.
    #[serde(default)]
    pub alerts: bool,
    /// Least milliseconds between two deltas: 0, 50, 100, 250, 500, 1000 or 5000.
    pub every_ms: Option<u64>,
    /// By what and over which window, with a colon between; more, with commas between.
    pub figures: Option<String>,
}

impl Query {
    /// What is asked for.
    ///
    /// # Errors
    /// Says which field is wrong, and what it may hold.
    pub fn subscription(
        &self,
        resume: Option<Resume>,
        viewer: &Viewer,
    ) -> Result<Subscription, String> {
        let ids = |text: &str| Choice::Ids(text.split(',').map(str::to_owned).collect());
        let plain = |text: &String| match text.as_str() {
            "*" => Choice::Text(text.clone()),
            text => ids(text),
        };
        let agents = self.agents.as_ref().map(|text| match text.split_once(':') {
            Some((kind, id)) => {
                let of = |asked: &str| (kind == asked).then(|| id.to_owned());
                let (queue, group, team) = (of("queue"), of("group"), of("team"));
                Choice::Of(Of { queue, group, team, other: Default::default() })
            }
            None => plain(text),
        });
        let queues = self.queues.as_ref().map(plain);
        let (calls, alerts, every_ms) = (self.calls, self.alerts, self.every_ms);
        let lists = self.figures.iter().flat_map(|text| text.split(','));
        let figures = lists.map(|list| {
            let (by, window) = list.split_once(':').unwrap_or((list, ""));
            let (by, window) = (by.to_owned(), window.to_owned());
            Figures { by, window, ..Figures::default() }
        });
        let figures = figures.collect();
        let asked = Subscribe { queues, agents, calls, alerts, every_ms, figures, resume: None };
        subscription(&asked, resume, viewer)
    }
}

/// Reads `Last-Event-ID`, which is `epoch:seq`; anything else resumes nothing.
#[must_use]
pub fn last_event_id(text: &str) -> Option<Resume> {
    let (epoch, seq) = text.rsplit_once(':')?;
    Some(Resume { epoch: epoch.into(), seq: seq.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(text: &str) -> Subscription {
        read(text, &Viewer::of_all("acme")).unwrap()
    }

    fn wrong(text: &str) -> String {
        read(text, &Viewer::of_all("acme")).unwrap_err()
    }

    #[test]
    fn figures_are_wished_by_their_names() {
        let text = r#"{ "subscribe": { "figures": [
            { "by": "queue", "window": "60m" },
            { "by": "agent", "window": "today", "threshold_s": 30, "ids": ["usr_b", "usr_a"],
              "figures": ["aht_ms", "handled"] } ] } }"#;
        let wishes = right(text).figures;
        assert_eq!(
            (wishes[0].by, wishes[0].window, &wishes[0].ids),
            (By::Queue, Window::Hour, &None)
        );
        let ids = wishes[1].ids.iter().flatten().map(|id| &**id);
        assert_eq!(ids.collect::<Vec<_>>(), ["usr_a", "usr_b"]);
        assert_eq!(wishes[1].figures.as_ref().map(|names| names.len()), Some(2));
        let list = |list: &str| wrong(&format!(r#"{{"subscribe":{{"figures":[{list}]}}}}"#));
        assert!(list(r#"{"by":"skill","window":"60m"}"#).contains("figures.by"));
        assert!(list(r#"{"by":"queue","window":"1h"}"#).contains("figures.window"));
        for seconds in ["0", "604801"] {
            let of = format!(r#"{{"by":"queue","window":"60m","threshold_s":{seconds}}}"#);
            assert!(list(&of).contains("figures.threshold_s: 1 to 604800"), "{seconds}");
        }
        let levels =
            |ms: &str| format!(r#"{{"by":"queue","window":"60m","thresholds_ms":[{ms}]}}"#);
        let eleven: Vec<String> = (1..=11).map(|seconds| format!("{seconds}000")).collect();
        for (ms, why) in [
            ("1500", "thousands, to 604800000"),
            ("0", "thousands, to 604800000"),
            ("604801000", "thousands, to 604800000"),
            ("7000,7000", "7000 stands there twice"),
            (&eleven.join(","), "at most 10"),
        ] {
            assert!(list(&levels(ms)).contains(why), "{ms}");
        }
        let told = right(&format!(
            r#"{{"subscribe":{{"figures":[{}]}}}}"#,
            levels(&format!("604800000,{}", eleven[..9].join(",")))
        ));
        assert_eq!(told.figures[0].thresholds[0].seconds(), 604_800);
        assert_eq!(told.figures[0].thresholds.len(), 10);
        assert!(list(r#"{"by":"queue","window":"60m","figures":["aha"]}"#).contains("\"aha\""));
        let twice = r#"{"by":"queue","window":"60m"},{"by":"queue","window":"60m","ids":["a"]}"#;
        assert!(list(twice).contains("the same"));
        let figures = Seen::read(&serde_json::json!({ "all": false }));
        let part = Viewer { figures, ..Viewer::of_all("acme") };
        let whole = r#"{"subscribe":{"figures":[{"by":"account","window":"60m"}]}}"#;
        assert!(read(whole, &part).unwrap_err().contains("who sees all"));
    }

    #[test]
    fn the_contract_s_example_is_read() {
        let text = r#"{ "subscribe": { "queues": ["b", "a", "b"], "agents": { "group": "sales" },
            "calls": true, "every_ms": 100 }, "resume": { "epoch": "e", "seq": 7 } }"#;
        let Subscription { view, resume, .. } = right(text);
        assert_eq!(view.queues, Filter::ids(["a", "b"]));
        assert_eq!(view.agents, AgentFilter::Queue("sales".into()));
        assert_eq!((view.calls, view.every_ms), (true, 100));
        assert_eq!(resume, Some(Resume { epoch: "e".into(), seq: 7 }));
        let inside = r#"{ "subscribe": { "resume": { "epoch": "e", "seq": 7 } } }"#;
        let Subscription { view, resume: again, .. } = right(inside);
        assert_eq!((view.queues, view.every_ms, again), (Filter::None, 100, resume));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(wrong("{}").contains("missing field `subscribe`"));
        assert!(wrong(r#"{"subscribe":{"queue":"*"}}"#).contains("unknown field `queue`"));
        assert!(wrong(r#"{"subscribe":{"every_ms":70}}"#).contains("not 70"));
        assert!(wrong(r#"{"subscribe":{"queues":"all"}}"#).contains("list of ids"));
        assert!(wrong(r#"{"subscribe":{"queues":["No"]}}"#).contains("\"No\" is no id"));
        assert!(wrong(r#"{"subscribe":{"agents":["ann"]}}"#).contains("is no id"));
        assert!(wrong(r#"{"subscribe":{"agents":{"team":"t"}}}"#).contains("by team"));
        for agents in [r#"{}"#, r#"{"queue":"a","group":"b"}"#, r#"{"queue":"a","x":1}"#] {
            assert_eq!(wrong(&format!(r#"{{"subscribe":{{"agents":{agents}}}}}"#)), NO_AGENTS);
        }
        let many = vec!["a".to_owned(); MOST_IDS + 1];
        let many = serde_json::json!({ "subscribe": { "queues": many } }).to_string();
        assert!(wrong(&many).contains("at most"));
    }

    #[test]
    fn a_query_asks_as_a_message_does() {
        let query = Query {
            queues: Some("*".into()),
            agents: Some("queue:support".into()),
            calls: true,
            alerts: false,
            every_ms: Some(0),
            figures: Some("queue:60m,agent:today".into()),
        };
        let message = r#"{"subscribe":{"queues":"*","agents":{"queue":"support"},"calls":true,
            "every_ms":0,"figures":[{"by":"queue","window":"60m"},
            {"by":"agent","window":"today"}]}}"#;
        assert_eq!(query.subscription(None, &Viewer::of_all("acme")), Ok(right(message)));
        let query = Query { agents: Some("usr_b,usr_a".into()), ..Query::default() };
        assert_eq!(
            query.subscription(None, &Viewer::of_all("acme")).unwrap().view.agents,
            AgentFilter::ids(["usr_a", "usr_b"])
        );
        let query = Query { agents: Some("team:t".into()), ..Query::default() };
        assert!(query.subscription(None, &Viewer::of_all("acme")).unwrap_err().contains("by team"));
        assert_eq!(last_event_id("e:f:12"), Some(Resume { epoch: "e:f".into(), seq: 12 }));
        assert_eq!(last_event_id("12"), None);
    }
}
