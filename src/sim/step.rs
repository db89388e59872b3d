//! One line of the scenario language, read. The text is the truth: random histories are made as
//! text, so that a failing one can be pasted as a scenario.
//!
//! ```text
//! account lease_grace_ms=2000             skill spanish min=1 max=100
//! switch s1 connects=switch               agent ann skills.spanish=80 endpoint=null
//! queue sales strategy=simultaneous total_ms=20000 exits.max_wait_ms=5000
//! group dial extension=7000 …             route main number=+1555 to={"queue":"sales"}
//! calendar office hours={"sat":["09:00-17:00"]}
//! member sales ann stars=3 position=2     remove sales ann
//! at 5s                                   time passes until five seconds from the start
//! call c1 to sales priority=2             (to=<queue> | ext=7000 | agent=ann | number=+1555; via=s1; from=+1;
//!                                         steps=[…] preferred={…} as on the wire)
//! assign c1 ann                           change c1 priority=3 skills=tech queue=q2
//! ringing|answered c1 ann                 failed c1 ann busy
//! abandoned c1                            ended c1 caller
//! updated c1 priority=3                   held c1 / resumed c1
//! transferred c1 queue=x | number=… | agent=bob [kind=attended]
//! overflowed c1 / choice c1
//! callback b1 to sales via=s1             reached b1 / unreached b1 busy / cancel b1
//!                                         (the callback of c1's caller is named c1+)
//! status ann ready when=after_work        force ann on_break when=now / clear ann
//! opt ann sales out                       accept c1 ann / refuse c1 ann
//! wrapped c1 ann                          hangup c1
//! desk ann 1 open                         device ann lost
//! own o1 ann start                        heartbeat s1 / started s1 / sync s1 c1:connected
//! unknown s1 / spoke s1 / link s1 open    unreachable s1 / restart 5s
//! expect ring c1 ann                      the line before brought the fact; also `expect no ring`,
//!                                         `expect nothing`
//! show pair ann                           lines of the view into the story
//! ```
//! Lines about a call take `seq=`, `boot=`, `id=` and `replayed=true` as the wire's event does.

use crate::domain::fields::Fields;
use crate::domain::input::{Kind, When};
use crate::domain::media::Media;
use crate::domain::objects::{self, Preferred, SkillNeed};
use crate::domain::presence::Status;
use crate::domain::switching::{EndedBy, FailReason, SyncState};
use serde_json::{Map, Value, json};
use std::str::FromStr;

/// Something done to the system under test.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the fields are the names that the language uses
pub enum Step {
    /// Time passes until so many milliseconds from the start; what falls due happens.
    At(i64),
    /// An object is created or replaced.
    Put { kind: Kind, parent: String, id: String, body: Value },
    /// A membership ends.
    RemoveMember { queue: String, user: String },
    /// A switch reports something.
    Event(Report),
    /// Own status.
    Status { user: String, status: Status, when: Option<When>, lease_ms: Option<u64> },
    /// Forced status.
    Force { user: String, status: Status, when: Option<When> },
    /// The supervisor lets go.
    Clear { user: String },
    /// In or out of a queue.
    Opt { user: String, queue: String, opted_in: bool },
    /// Accept at the desk.
    Accept { call: String, user: String },
    /// Refuse at the desk.
    Refuse { call: String, user: String },
    /// The agent ends after-call work.
    Wrapped { call: String, user: String },
    /// A supervisor picks a waiting call's agent.
    Assign { call: String, user: String },
    /// A supervisor changes a waiting call.
    Change {
        call: String,
        priority: Option<i32>,
        skills: Option<Vec<SkillNeed>>,
        queue: Option<String>,
    },
    /// A supervisor asks for a callback.
    Callback { call: String, queue: String, switch: String },
    /// … cancels one.
    Cancel { call: String },
    /// The agent hangs up at the desk.
    HangUp { call: String },
    /// A desk connection opens or closes.
    Desk { user: String, desk: u64, open: bool },
    /// A sign of life that is no event.
    Spoke { switch: String },
    /// A link opens or closes.
    Link { switch: String, open: bool },
    /// Three deliveries failed.
    Unreachable { switch: String },
    /// The node was away so long and is back.
    Restart { away_ms: u64 },
    /// A fact must have come.
    Expect(String),
}

/// A switch's event.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The switch.
    pub switch: String,
    /// Its id, when the line gives one; else unique by the line.
    pub id: Option<String>,
    /// The call, empty for none.
    pub subject: String,
    /// Which start of the switch.
    pub boot: Option<String>,
    /// Place among the subject's events.
    pub seq: Option<u64>,
    /// Re-sent after an outage.
    pub replayed: bool,
    /// What happened.
    pub what: What,
}

/// What a switch reports; offers are named by their agent: the last one of the call to that agent.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the names are those of the wire
pub enum What {
    Arrived {
        to: To,
        media: Media,
        priority: i32,
        skills: Vec<SkillNeed>,
        from: String,
        steps: Option<Vec<objects::Step>>,
        preferred: Option<Preferred>,
    },
    Abandoned,
    Ended(EndedBy),
    Updated {
        priority: Option<i32>,
        skills: Option<Vec<SkillNeed>>,
    },
    Held,
    Resumed,
    Transferred {
        to: To,
        attended: bool,
    },
    Choice,
    /// A callback's customer was reached, or not.
    Customer(Option<FailReason>),
    Overflowed,
    Ringing {
        agent: String,
    },
    Answered {
        agent: String,
    },
    Failed {
        agent: String,
        reason: FailReason,
    },
    OwnCall {
        agent: String,
        started: bool,
    },
    Device {
        agent: String,
        lost: bool,
    },
    Started,
    Heartbeat,
    Sync(Vec<(String, SyncState)>),
    Unknown,
}

/// Where a call is directed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// A queue or group by id.
    Queue(String),
    /// An extension.
    Extension(String),
    /// A user.
    Agent(String),
    /// A dialled number: the routes decide.
    Number(String),
}

/// Splits `key=value` words from the plain ones.
struct Words<'a> {
    plain: Vec<&'a str>,
    keys: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Words<'a> {
        let (mut plain, mut keys) = (Vec::new(), Vec::new());
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => keys.push((key, value)),
                None => plain.push(word),
            }
        }
        Words { plain, keys }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.keys.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        self.get(key).map(|v| v.parse().map_err(|_| format!("{key}={v} is no number"))).transpose()
    }

    fn at(&self, i: usize) -> Result<&'a str, String> {
        self.plain.get(i).copied().ok_or_else(|| format!("word {i} is missing"))
    }

    fn owned(&self, i: usize) -> Result<String, String> {
        self.at(i).map(str::to_owned)
    }
}

/// `5s`, `1500ms`, `2m` or bare milliseconds.
fn duration(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(i) => text.split_at(i),
        None => (text, "ms"),
    };
    let number: f64 = digits.parse().map_err(|_| format!("{text:?} is no duration"))?;
    let factor = match unit {
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return Err(format!("unknown unit in {text:?}")),
    };
    Ok((number * factor).round() as u64)
}

/// Reads a line.
///
/// # Errors
/// What is wrong with the line, in words.
pub fn parse(line: &str) -> Result<Step, String> {
    let words = Words::of(line);
    let step = match words.at(0)? {
        "at" => Step::At(i64::try_from(duration(words.at(1)?)?).map_err(|e| e.to_string())?),
        "account" | "skill" | "switch" | "agent" | "queue" | "group" | "route" | "calendar"
        | "member" => put(&words)?,
        "remove" => Step::RemoveMember { queue: words.owned(1)?, user: words.owned(2)? },
        "status" => Step::Status {
            user: words.owned(1)?,
            status: status(words.at(2)?)?,
            when: when(&words)?,
            lease_ms: words.number("lease_ms")?,
        },
        "force" => Step::Force {
            user: words.owned(1)?,
            status: status(words.at(2)?)?,
            when: when(&words)?,
        },
        "clear" => Step::Clear { user: words.owned(1)? },
        "opt" => Step::Opt {
            user: words.owned(1)?,
            queue: words.owned(2)?,
            opted_in: words.at(3)? == "in",
        },
        "accept" => Step::Accept { call: words.owned(1)?, user: words.owned(2)? },
        "refuse" => Step::Refuse { call: words.owned(1)?, user: words.owned(2)? },
        "wrapped" => Step::Wrapped { call: words.owned(1)?, user: words.owned(2)? },
        "assign" => Step::Assign { call: words.owned(1)?, user: words.owned(2)? },
        "change" => Step::Change {
            call: words.owned(1)?,
            priority: words.number("priority")?,
            skills: skills(&words)?,
            queue: words.get("queue").map(str::to_owned),
        },
        "callback" => Step::Callback {
            call: words.owned(1)?,
            queue: words.owned(3)?,
            switch: words.get("via").unwrap_or("s1").to_owned(),
        },
        "cancel" => Step::Cancel { call: words.owned(1)? },
        "hangup" => Step::HangUp { call: words.owned(1)? },
        "desk" => Step::Desk {
            user: words.owned(1)?,
            desk: words.at(2)?.parse().map_err(|_| "no desk number")?,
            open: words.at(3)? == "open",
        },
        "spoke" => Step::Spoke { switch: words.owned(1)? },
        "link" => Step::Link { switch: words.owned(1)?, open: words.at(2)? == "open" },
        "unreachable" => Step::Unreachable { switch: words.owned(1)? },
        "restart" => Step::Restart { away_ms: duration(words.at(1)?)? },
        "expect" => Step::Expect(line.trim_start()["expect".len()..].trim().to_owned()),
        _ => Step::Event(report(&words)?),
    };
    Ok(step)
}

fn status(word: &str) -> Result<Status, String> {
    Status::parse(word).ok_or_else(|| format!("no status {word:?}"))
}

fn when(words: &Words<'_>) -> Result<Option<When>, String> {
    words.get("when").map(|w| When::parse(w).ok_or_else(|| format!("no when {w:?}"))).transpose()
}

fn report(words: &Words<'_>) -> Result<Report, String> {
    let verb = words.at(0)?;
    let about_switch = matches!(verb, "started" | "heartbeat" | "sync" | "unknown");
    let mut subject = words.owned(1)?;
    let switch = if about_switch {
        std::mem::take(&mut subject)
    } else {
        words.get("via").unwrap_or("s1").to_owned()
    };
    if verb == "device" {
        subject.clear();
    }
    Ok(Report {
        switch,
        id: words.get("id").map(str::to_owned),
        subject,
        boot: words.get("boot").map(str::to_owned),
        seq: words.number("seq")?,
        replayed: words.get("replayed") == Some("true"),
        what: what(verb, words)?,
    })
}

fn what(verb: &str, words: &Words<'_>) -> Result<What, String> {
    let agent = || words.owned(2);
    Ok(match verb {
        "call" => What::Arrived {
            to: to(words)?,
            media: match words.get("media") {
                Some(word) => Media::parse(word).ok_or("no such media")?,
                None => Media::Voice,
            },
            priority: words.number("priority")?.unwrap_or(0),
            skills: skills(words)?.unwrap_or_default(),
            from: words.get("from").unwrap_or("+15550001").to_owned(),
            steps: own(words, "steps", |f| f.is_set("steps").then(|| objects::Step::list(f)))?,
            preferred: own(words, "preferred", |f| Preferred::read(f, false))?,
        },
        "abandoned" => What::Abandoned,
        "ended" => {
            What::Ended(EndedBy::parse(words.at(2).unwrap_or("caller")).ok_or("ended by whom?")?)
        }
        "updated" => What::Updated { priority: words.number("priority")?, skills: skills(words)? },
        "held" => What::Held,
        "resumed" => What::Resumed,
        "transferred" => {
            What::Transferred { to: to(words)?, attended: words.get("kind") == Some("attended") }
        }
        "choice" => What::Choice,
        "reached" => What::Customer(None),
        "unreached" => {
            What::Customer(Some(FailReason::parse(words.at(2)?).ok_or("no such reason")?))
        }
        "overflowed" => What::Overflowed,
        "ringing" => What::Ringing { agent: agent()? },
        "answered" => What::Answered { agent: agent()? },
        "failed" => What::Failed {
            agent: agent()?,
            reason: FailReason::parse(words.at(3)?).ok_or("no such reason")?,
        },
        "own" => What::OwnCall { agent: agent()?, started: words.at(3)? == "start" },
        "device" => What::Device { agent: words.owned(1)?, lost: words.at(2)? == "lost" },
        "started" => What::Started,
        "heartbeat" => What::Heartbeat,
        "unknown" => What::Unknown,
        "sync" => What::Sync(sync(words)?),
        other => return Err(format!("no such verb: {other:?}")),
    })
}

/// What a call brings of its own, read as on the wire.
fn own<T>(
    words: &Words<'_>,
    key: &str,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(text) = words.get(key) else { return Ok(None) };
    let value: Value = serde_json::from_str(text).map_err(|e| format!("{key}: {e}"))?;
    let body = json!({ key: value });
    let mut fields = Fields::of(&body);
    let read = read(&mut fields);
    fields.done(read).map_err(|errors| format!("{key}: {errors:?}"))
}

fn sync(words: &Words<'_>) -> Result<Vec<(String, SyncState)>, String> {
    words.plain[2..]
        .iter()
        .map(|word| {
            let (call, state) = word.split_once(':').ok_or("a sync lists call:state")?;
            Ok((call.to_owned(), SyncState::parse(state).ok_or("no such state")?))
        })
        .collect()
}

fn to(words: &Words<'_>) -> Result<To, String> {
    if let Some(extension) = words.get("ext") {
        return Ok(To::Extension(extension.to_owned()));
    }
    if let Some(user) = words.get("agent") {
        return Ok(To::Agent(user.to_owned()));
    }
    if let Some(number) = words.get("number") {
        return Ok(To::Number(number.to_owned()));
    }
    if let Some(queue) = words.get("queue") {
        return Ok(To::Queue(queue.to_owned()));
    }
    match (words.plain.get(2), words.plain.get(3)) {
        (Some(&"to"), Some(queue)) => Ok(To::Queue((*queue).to_owned())),
        _ => Err("where to?".to_owned()),
    }
}

fn skills(words: &Words<'_>) -> Result<Option<Vec<SkillNeed>>, String> {
    let Some(text) = words.get("skills") else { return Ok(None) };
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut parts = part.split(':');
            let skill = parts.next().unwrap_or_default().to_owned();
            let mut level = || parts.next().map(|n| n.parse().map_err(|_| "no level")).transpose();
            Ok(SkillNeed { skill, min: level()?.unwrap_or(1), max: level()? })
        })
        .collect::<Result<Vec<_>, String>>()
        .map(Some)
}

fn put(words: &Words<'_>) -> Result<Step, String> {
    let mut body = Map::new();
    for (key, text) in &words.keys {
        let value =
            serde_json::from_str(text).unwrap_or_else(|_| Value::String((*text).to_owned()));
        // A number, dialled or an extension, is text in every body.
        let value = match (*key, value) {
            ("number" | "extension", Value::Number(_)) => Value::String((*text).to_owned()),
            (_, value) => value,
        };
        insert(&mut body, key, value);
    }
    let id = words.plain.get(1).copied().unwrap_or_default().to_owned();
    let mut default = |key: &str, value: Value| {
        body.entry(key.to_owned()).or_insert(value);
    };
    let (kind, parent, id) = match words.at(0)? {
        "account" => {
            default("name", json!("Test"));
            (Kind::Account, String::new(), String::new())
        }
        "skill" => {
            default("name", json!(id));
            (Kind::Skill, String::new(), id)
        }
        "switch" => {
            let capabilities = Value::Object(std::mem::take(&mut body));
            body.insert("name".to_owned(), json!(id));
            body.insert("capabilities".to_owned(), capabilities);
            (Kind::Switch, String::new(), id)
        }
        "agent" => {
            default("first_name", json!(id));
            default("last_name", json!("Test"));
            default("endpoint", json!(format!("sip:{id}@example.test")));
            (Kind::User, String::new(), id)
        }
        "queue" => {
            default("name", json!(id));
            (Kind::Queue, String::new(), id)
        }
        "group" => {
            default("name", json!(id));
            if let Some(Value::Array(supervisors)) = body.get_mut("supervisors") {
                for user in supervisors {
                    *user = json!(format!("usr_{}", user.as_str().unwrap_or_default()));
                }
            }
            (Kind::Group, String::new(), id)
        }
        "route" => (Kind::Route, String::new(), id),
        "calendar" => {
            default("name", json!(id));
            (Kind::Calendar, String::new(), id)
        }
        _ => (Kind::Member, id, words.owned(2)?),
    };
    Ok(Step::Put { kind, parent, id, body: Value::Object(body) })
}

/// Sets a dotted key.
fn insert(body: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            body.insert(key.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = body.entry(head.to_owned()).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_meant() {
        assert_eq!(parse("at 1.5s"), Ok(Step::At(1_500)));
        let Ok(Step::Put { kind: Kind::Queue, id, body, .. }) =
            parse("queue sales exits.max_wait_ms=5000 strategy=simultaneous")
        else {
            panic!("no put")
        };
        assert_eq!(id, "sales");
        assert_eq!(
            body,
            json!({ "name": "sales", "strategy": "simultaneous", "exits": { "max_wait_ms": 5000 } })
        );
        let Ok(Step::Event(report)) = parse("call c1 to sales skills=spanish:40,tech seq=1") else {
            panic!("no event")
        };
        assert_eq!((report.subject.as_str(), report.seq), ("c1", Some(1)));
        let What::Arrived { to: To::Queue(queue), skills, .. } = report.what else {
            panic!("no arrival")
        };
        assert_eq!((queue.as_str(), skills.len(), skills[0].min), ("sales", 2, 40));
        assert!(parse("frobnicate c1").is_err() && parse("call c1").is_err());
    }
}
