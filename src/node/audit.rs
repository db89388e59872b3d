//! The audit, read from the journal: backwards, in chunks, as bytes; only records that somebody asked
//! for are decoded.

use crate::domain::ids::Name;
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use crate::engine::asked;
use crate::journal::{Error, Reader, Record, StreamId};
use crate::node::feed::{blocking, position};
use crate::node::handle::Handle;
use serde_json::{Value, json};

/// Records read at a time.
const CHUNK: u64 = 4_096;
/// Records looked at for one page: about a second of reading.
const MOST: u64 = 400_000;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Done by this user or key.
    pub actor: Option<String>,
    /// Done to this.
    pub subject: Option<String>,
    /// This was done, or something of this kind.
    pub action: Option<String>,
    /// At this instant or later.
    pub from: Option<Millis>,
    /// Before this instant.
    pub to: Option<Millis>,
    /// In records before this one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// What was found, the newest first, and where to go on.
type Found = (Vec<Value>, Option<u64>);

impl Handle {
    /// Who did what to whom, the newest first; and the sequence before which the next page begins.
    /// Who may is asked of the engine before (`Query::Audit`).
    ///
    /// # Errors
    /// 404; 500 when the journal cannot be read.
    pub async fn audit(&self, account: &str, filter: AuditFilter) -> Result<Found, Problem> {
        let name: Name = self.account(account)?;
        let head =
            self.shared.accounts.get(&name).map(|head| (head.stream, *head.durable.borrow()));
        let (stream, durable) = head.ok_or_else(|| Problem::not_found("account", account))?;
        blocking(self, move |reader| search(reader, stream, durable, &filter)).await
    }
}

fn search(
    reader: &mut dyn Reader,
    stream: StreamId,
    durable: u64,
    filter: &AuditFilter,
) -> Result<Found, Error> {
    let oldest = match filter.from {
        Some(from) => reader.first_since(stream, from)?,
        None => 1,
    };
    let oldest = oldest.max(reader.oldest(stream)?);
    let mut end = filter.before.unwrap_or(u64::MAX).min(durable + 1);
    if let Some(to) = filter.to {
        end = end.min(reader.first_since(stream, to)?);
    }
    let stop = oldest.max(end.saturating_sub(MOST));
    let (mut found, mut chunk) = (Vec::new(), Vec::new());
    while end > stop {
        let begin = stop.max(end.saturating_sub(CHUNK));
        chunk.clear();
        let count = usize::try_from(end - begin).unwrap_or(usize::MAX);
        reader.read(stream, begin - 1, count, &mut chunk)?;
        for record in chunk.iter().rev() {
            if let Some(deed) = deed(reader, stream, record, filter)? {
                found.push(deed);
                if found.len() >= filter.limit {
                    let more = record.seq > oldest;
                    return Ok((found, more.then_some(record.seq)));
                }
            }
        }
        end = begin;
    }
    Ok((found, (end > oldest).then_some(end)))
}

/// What a record tells, if it is what is asked for.
fn deed(
    reader: &mut dyn Reader,
    stream: StreamId,
    record: &Record,
    filter: &AuditFilter,
) -> Result<Option<Value>, Error> {
    if position(&record.body, b"{\"asked\":{").is_none() {
        return Ok(None);
    }
    let Some((mut told, address)) = asked(record.seq, &record.body) else { return Ok(None) };
    let is = |field: &str, wanted: &Option<String>| {
        wanted.as_deref().is_none_or(|wanted| told[field] == *wanted)
    };
    let action = |wanted: &str| {
        let action = told["action"].as_str().unwrap_or_default();
        action == wanted || action.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
    };
    let by = is("by", &filter.actor) || is("user", &filter.actor);
    if !by || !is("subject", &filter.subject) || !filter.action.as_deref().is_none_or(action) {
        return Ok(None);
    }
    let row = address.map(|key| reader.vault(stream, key)).transpose()?.flatten();
    let row: Value = row.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    told["seq"] = json!(record.seq);
    told["at"] = json!(record.at.rfc3339());
    told["from"] = row["from"].clone();
    Ok(Some(told))
}
