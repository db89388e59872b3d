//! What a process costs, as the system counts it: processor time and memory. Linux tells in `/proc`;
//! elsewhere nothing is told.

use std::fs;

/// The system counts processor time in hundredths of a second towards programs, whatever it does
/// itself.
const PER_SECOND: f64 = 100.0;
const PAGE: u64 = 4_096;

/// A process.
#[derive(Clone, Debug)]
pub struct Process(String);

/// What it has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Seconds of processor time, all threads together.
    pub cpu_s: f64,
    /// Memory that is resident now, in bytes.
    pub memory: u64,
}

impl Process {
    /// This one.
    #[must_use]
    pub fn own() -> Process {
        Process("self".to_owned())
    }

    /// The one of this id.
    #[must_use]
    pub fn of(id: u32) -> Process {
        Process(id.to_string())
    }

    /// What it has used so far; `None` where that is not told, or when it is gone.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        read(&fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?)
    }
}

/// Reads a line of `stat`: the name, in brackets, may hold anything.
fn read(stat: &str) -> Option<Usage> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Counted from the state, which is field 3 of the manual's table.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)?;
    Some(Usage { cpu_s: ticks as f64 / PER_SECOND, memory: number(24)? * PAGE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_name() {
        let stat = "12 (a ) b) S 1 12 12 0 -1 4194304 900 0 0 0 250 50 0 0 20 0 5 0 99 700000 25 18446744073709551615 1 1";
        assert_eq!(read(stat), Some(Usage { cpu_s: 3.0, memory: 25 * PAGE }));
        assert_eq!(read("nonsense"), None);
    }
}
