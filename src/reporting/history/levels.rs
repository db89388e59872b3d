//! Service levels of thresholds that have no sums: counted from the rows of stays.

use super::behind::Of;
use super::read::Look;
use super::{Across, Error};
use crate::domain::figures::Threshold;
use crate::domain::time::Millis;
use crate::reporting::figures::Within;

/// By threshold.
pub type Levels = Vec<(Threshold, Within)>;

impl Look<'_> {
    /// Waits within those thresholds that have no sums, by the interval of the entry.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub(super) fn levels(
        &self,
        (across, subject, name): (Across, i64, &str),
        edges: &[Millis],
        thresholds: &[Threshold],
    ) -> Result<Vec<Levels>, Error> {
        let without_sums = thresholds.iter().filter(|threshold| threshold.preset().is_none());
        let none: Levels = without_sums.map(|threshold| (*threshold, Within::default())).collect();
        let mut levels = vec![none; edges.len().saturating_sub(1)];
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Ok(levels) };
        if levels.first().is_none_or(Vec::is_empty) {
            return Ok(levels);
        }
        let queues = match across {
            Across::Queue | Across::Group => vec![subject],
            Across::Account | Across::Media | Across::Number | Across::Skill => self.lines()?,
            Across::Agent | Across::Team | Across::Disposition => Vec::new(),
        };
        let of = Of::named(across, Some(name));
        for queue in queues {
            self.waits_of(queue, (first.0, last.0), &of, |entered_at, waited_ms, answered| {
                // The last edge at or before it.
                let place = edges.partition_point(|edge| edge.0 <= entered_at);
                let levels = place.checked_sub(1).and_then(|place| levels.get_mut(place));
                for (threshold, within) in levels.into_iter().flatten() {
                    within.add(*threshold, waited_ms, answered);
                }
            })?;
        }
        Ok(levels)
    }
}
