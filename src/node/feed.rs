//! Reads of history: the feed and the trace. Bytes come from the journal on a thread that may
//! block; the engine, which knows the names, renders them in small jobs between its decisions.

use crate::domain::ids::{CallId, Name};
use crate::domain::problem::{FieldError, Problem};
use crate::domain::time::Millis;
use crate::journal::{Error, Reader, Record, StreamId};
use crate::node::gate::{RenderJob, What};
use crate::node::handle::Handle;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Records of one rendering job: decisions wait for it no longer than about a millisecond.
const JOB: usize = 64;

/// Records read at a time.
const CHUNK: usize = 4_096;

/// A call's story is at most so many records.
const STORY: usize = 10_000;

/// As [`Handle::feed`].
pub(super) async fn read(
    handle: &Handle,
    account: &str,
    after: u64,
    limit: usize,
    wait: Duration,
) -> Result<Vec<Value>, Problem> {
    let name = handle.account(account)?;
    let (stream, mut durable) = {
        let head = handle.shared.accounts.get(&name);
        let head = head.ok_or_else(|| Problem::not_found("account", account))?;
        (head.stream, head.durable.subscribe())
    };
    // A wait that passed without news answers an empty list, as does one that the stop ended.
    let _ = tokio::time::timeout(wait, durable.wait_for(|seq| *seq > after)).await;
    if *durable.borrow() < after {
        let detail = format!("the last record is {}, {after} does not exist", *durable.borrow());
        return Err(Problem::new(422, "out_of_range", detail));
    }
    let records = blocking(handle, move |reader| {
        let mut records = Vec::new();
        reader.read(stream, after, limit, &mut records).map(|_| records)
    })
    .await?;
    render(handle, &name, records, RenderJob::Feed).await
}

/// As [`Handle::trace`].
pub(super) async fn trace(
    handle: &Handle,
    account: &str,
    call: CallId,
) -> Result<Vec<Value>, Problem> {
    let name = handle.account(account)?;
    let stream = handle.shared.accounts.get(&name).map(|head| head.stream);
    let stream = stream.ok_or_else(|| Problem::not_found("account", account))?;
    let records = blocking(handle, move |reader| story(reader, stream, call)).await?;
    render(handle, &name, records, RenderJob::Trace(call)).await
}

/// The records that name the call, from the instant of its making until the engine has forgotten
/// the calls that ended when it did: late events may name it until then. The bytes are searched as
/// text; only what is found is read by the engine.
fn story(reader: &mut dyn Reader, stream: StreamId, call: CallId) -> Result<Vec<Record>, Error> {
    let number = call.0.to_string();
    let end = format!("\"call_ended\":{{\"call\":{number},");
    let mut after = reader.first_since(stream, call.made_at())?.saturating_sub(1);
    let (mut found, mut chunk, mut ended_at) = (Vec::new(), Vec::new(), None);
    while found.len() < STORY {
        chunk.clear();
        if reader.read(stream, after, CHUNK, &mut chunk)? == 0 {
            break;
        }
        after += chunk.len() as u64;
        for record in chunk.drain(..) {
            if ended_at.is_some_and(|at| forgotten_before(&record.body) > Some(at)) {
                return Ok(found);
            }
            if names(&record.body, number.as_bytes()) {
                if position(&record.body, end.as_bytes()).is_some() {
                    ended_at = Some(record.at);
                }
                found.push(record);
            }
        }
    }
    Ok(found)
}

/// Whether the number stands in the bytes, and not within a longer one.
fn names(body: &[u8], number: &[u8]) -> bool {
    let mut rest = body;
    while let Some(at) = position(rest, number) {
        let after = rest.get(at + number.len());
        let before = at.checked_sub(1).and_then(|at| rest.get(at));
        if ![before, after].into_iter().flatten().any(u8::is_ascii_digit) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// The instant that a record of forgetting names.
fn forgotten_before(body: &[u8]) -> Option<Millis> {
    const MARK: &[u8] = b"\"calls_forgotten\":{\"ended_before\":";
    let digits = body.get(position(body, MARK)? + MARK.len()..)?;
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..length]).ok()?.parse().ok().map(Millis)
}

pub(super) fn position(body: &[u8], what: &[u8]) -> Option<usize> {
    body.windows(what.len()).position(|window| window == what)
}

pub(super) async fn blocking<T: Send + 'static>(
    handle: &Handle,
    f: impl FnOnce(&mut dyn Reader) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let shared = Arc::clone(&handle.shared);
    let read = tokio::task::spawn_blocking(move || shared.readers.with(f)).await;
    match read {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(Error::Trimmed { oldest, .. })) => Err(gone(oldest)),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(error) => Err(unreadable(&error)),
    }
}

/// 410 `gone`: `detail` ends with the oldest sequence kept.
fn gone(oldest: u64) -> Problem {
    let detail = format!("these records are no longer kept; the oldest is {oldest}");
    let mut problem = Problem::new(410, "gone", detail);
    let hint = FieldError::new("after", "oldest", oldest.to_string());
    problem.errors.push(hint);
    problem
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "the journal cannot be read");
    Problem::new(500, "unreadable", "the journal cannot be read; see the node's log")
}

async fn render(
    handle: &Handle,
    account: &Name,
    records: Vec<Record>,
    job: RenderJob,
) -> Result<Vec<Value>, Problem> {
    let mut values = Vec::with_capacity(records.len());
    let mut records = records.into_iter();
    loop {
        let records: Vec<Record> = records.by_ref().take(JOB).collect();
        if records.is_empty() {
            return Ok(values);
        }
        let account = account.clone();
        values.extend(handle.ask(|reply| What::Render { account, records, job, reply }).await?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::Memory;
    use crate::journal::{Entry, Journal};

    #[test]
    fn a_number_is_found_only_whole() {
        let names = |body: &str| names(body.as_bytes(), b"123");
        assert!(names("[{\"call\":123}]") && names("[1234,123]") && names("123"));
        assert!(!names("[{\"call\":1234}]") && !names("5123") && !names("12"));
    }

    #[test]
    fn a_story_is_what_names_the_call_until_its_time_is_forgotten() {
        let mut journal = Memory::new("e");
        let call = CallId::after(CallId(0), Millis(2_000));
        let n = call.0;
        let bodies = [
            (1_000, format!("[\"older than the call {n}\"]")),
            (2_000, format!("[{{\"call_arrived\":{{\"call\":{n}}}}}]")),
            (2_001, format!("[{{\"call_arrived\":{{\"call\":{}}}}}]", n + 1)),
            (2_400, "[{\"calls_forgotten\":{\"ended_before\":2300}}]".to_owned()),
            (2_500, format!("[{{\"call_ended\":{{\"call\":{n},\"outcome\":\"answered\"}}}}]")),
            (2_600, format!("[{{\"heard\":{{\"call\":{n}}}}}]")),
            (2_700, "[{\"calls_forgotten\":{\"ended_before\":2500}}]".to_owned()),
            (2_800, format!("[{{\"heard\":{{\"call\":{n}}}}}]")),
            (3_700, "[{\"calls_forgotten\":{\"ended_before\":2501}}]".to_owned()),
            (3_800, format!("[\"another meaning of {n}\"]")),
        ];
        for (seq, (at, body)) in (1..).zip(bodies) {
            let stream = StreamId(1);
            let record = Record { stream, seq, at: Millis(at), body: body.into_bytes().into() };
            let entry = Entry { record: Some(record), vault: Vec::new() };
            journal.append(&[&entry]).expect("appended");
        }
        let mut reader = journal.reader().expect("a reader");
        let found = story(&mut *reader, StreamId(1), call).expect("read");
        assert_eq!(found.iter().map(|record| record.seq).collect::<Vec<_>>(), [2, 5, 6, 8]);
    }
}
