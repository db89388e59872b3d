//! Where each stream ends, and whether a batch follows on.

use super::{Entry, Error, MAX_SEQ, MAX_STREAM, Record, StreamId};
use crate::domain::time::Millis;
use std::collections::BTreeMap;

/// The last record of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub seq: u64,
    pub at: Millis,
}

/// The last record of every stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(BTreeMap<StreamId, Head>);

impl Heads {
    pub fn seq(&self, stream: StreamId) -> u64 {
        self.0.get(&stream).map_or(0, |head| head.seq)
    }

    pub fn set(&mut self, stream: StreamId, head: Head) {
        self.0.insert(stream, head);
    }

    pub fn streams(&self) -> Vec<StreamId> {
        self.0.keys().copied().collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (StreamId, Head)> + '_ {
        self.0.iter().map(|(stream, head)| (*stream, *head))
    }

    /// The heads after `entries`, of the streams they touch; or why they cannot follow.
    pub fn after(&self, entries: &[&Entry]) -> Result<Heads, Error> {
        let mut next = Heads::default();
        for entry in entries {
            if let Some(record) = &entry.record {
                let head = next.0.get(&record.stream).or_else(|| self.0.get(&record.stream));
                let head = follows(head, record)?;
                next.0.insert(record.stream, head);
            }
            for write in &entry.vault {
                in_range(write.stream, write.seq)?;
                if i64::try_from(write.key).is_err() {
                    return Err(Error::Range { what: "vault key", found: write.key });
                }
            }
        }
        Ok(next)
    }

    pub fn take(&mut self, next: Heads) {
        self.0.extend(next.0);
    }
}

fn follows(head: Option<&Head>, record: &Record) -> Result<Head, Error> {
    let (stream, seq, at) = (record.stream, record.seq, record.at);
    let expected = head.map_or(1, |head| head.seq + 1);
    if seq != expected {
        return Err(Error::Sequence { stream, expected, found: seq });
    }
    in_range(stream, seq)?;
    if head.is_some_and(|head| at < head.at) {
        return Err(Error::Time { stream, seq });
    }
    Ok(Head { seq, at })
}

fn in_range(stream: StreamId, seq: u64) -> Result<(), Error> {
    if stream.0 > MAX_STREAM {
        return Err(Error::Range { what: "stream", found: u64::from(stream.0) });
    }
    if seq > MAX_SEQ {
        return Err(Error::Range { what: "sequence", found: seq });
    }
    Ok(())
}
