//! What a client of the live feed says, read and checked.

use crate::domain::ids::{Name, is_name, is_user_name};
use crate::live::handle::Resume;
use crate::live::view::{AgentFilter, Filter, RATES_MS, Scope, View};
use serde::Deserialize;

/// How many ids a filter may name.
pub const MOST_IDS: usize = 1_000;
/// The longest message a client may send, in bytes.
pub const MOST_BYTES: usize = 64 * 1024;
/// The rate when none is asked for, in milliseconds.
pub const DEFAULT_EVERY_MS: u16 = 100;

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
    every_ms: Option<u64>,
    resume: Option<Place>,
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
pub fn read(text: &str, scope: &Scope) -> Result<(View, Option<Resume>), String> {
    let request: Request = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let Request { subscribe, resume } = request;
    let view = view(&subscribe, scope)?;
    let resume = resume.or(subscribe.resume);
    Ok((view, resume.map(|place| Resume { epoch: place.epoch.into(), seq: place.seq })))
}

fn view(asked: &Subscribe, scope: &Scope) -> Result<View, String> {
    Ok(View {
        queues: queues(asked.queues.as_ref())?,
        agents: agents(asked.agents.as_ref())?,
        calls: asked.calls,
        every_ms: rate(asked.every_ms)?,
        scope: scope.clone(),
    })
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
/// `?queues=*|a,b&agents=*|usr_a,usr_b|queue:a|group:a&calls=true&every_ms=100`.
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
    /// Least milliseconds between two deltas: 0, 50, 100, 250, 500, 1000 or 5000.
    pub every_ms: Option<u64>,
}

impl Query {
    /// The view that is asked for.
    ///
    /// # Errors
    /// Says which field is wrong, and what it may hold.
    pub fn view(&self, scope: &Scope) -> Result<View, String> {
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
        let (calls, every_ms) = (self.calls, self.every_ms);
        view(&Subscribe { queues, agents, calls, every_ms, resume: None }, scope)
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

    fn wrong(text: &str) -> String {
        read(text, &Scope::All).unwrap_err()
    }

    #[test]
    fn the_contract_s_example_is_read() {
        let text = r#"{ "subscribe": { "queues": ["b", "a", "b"], "agents": { "group": "sales" },
            "calls": true, "every_ms": 100 }, "resume": { "epoch": "e", "seq": 7 } }"#;
        let (view, resume) = read(text, &Scope::All).unwrap();
        assert_eq!(view.queues, Filter::ids(["a", "b"]));
        assert_eq!(view.agents, AgentFilter::Queue("sales".into()));
        assert_eq!((view.calls, view.every_ms), (true, 100));
        assert_eq!(resume, Some(Resume { epoch: "e".into(), seq: 7 }));
        let inside = r#"{ "subscribe": { "resume": { "epoch": "e", "seq": 7 } } }"#;
        let (view, again) = read(inside, &Scope::All).unwrap();
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
            every_ms: Some(0),
        };
        let message = r#"{"subscribe":{"queues":"*","agents":{"queue":"support"},"calls":true,
            "every_ms":0}}"#;
        assert_eq!(query.view(&Scope::All), read(message, &Scope::All).map(|(view, _)| view));
        let query = Query { agents: Some("usr_b,usr_a".into()), ..Query::default() };
        assert_eq!(query.view(&Scope::All).unwrap().agents, AgentFilter::ids(["usr_a", "usr_b"]));
        let query = Query { agents: Some("team:t".into()), ..Query::default() };
        assert!(query.view(&Scope::All).unwrap_err().contains("by team"));
        assert_eq!(last_event_id("e:f:12"), Some(Resume { epoch: "e:f".into(), seq: 12 }));
        assert_eq!(last_event_id("12"), None);
    }
}
