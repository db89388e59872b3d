//! How long records are kept: by age, and never less than the newest two snapshots need.

use super::{Error, Reader, StreamId};
use crate::domain::time::Millis;

/// 90 days.
pub const KEEP_MS: u64 = 90 * 24 * 60 * 60 * 1000;

/// The sequence before which records of `stream` may go at `now`, when they are kept `keep_ms`;
/// `None` when there is nothing to remove. Hand it to [`super::Writer::trim`].
///
/// # Errors
/// When the journal cannot be read.
pub fn trim_before(
    reader: &mut dyn Reader,
    stream: StreamId,
    keep_ms: u64,
    now: Millis,
) -> Result<Option<u64>, Error> {
    let keep_ms = i64::try_from(keep_ms).unwrap_or(i64::MAX);
    let aged = reader.first_since(stream, Millis(now.0.saturating_sub(keep_ms)))?;
    let snapshots = reader.snapshots(stream)?;
    let before = super::trim_bound(aged, reader.head(stream)?, &snapshots);
    Ok((before > reader.oldest(stream)?).then_some(before))
}
