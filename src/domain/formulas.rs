//! Formulas that the engine and the figures share.

/// Standard occupancy in millionths: handling ÷ (handling + ready and idle), 0 where there was neither
/// (`figures.md`). Handling is talk, hold and after-call work.
#[must_use]
pub fn occupancy_ppm(handling_ms: u64, idle_ms: u64) -> u32 {
    let handling = u128::from(handling_ms);
    let all = (handling + u128::from(idle_ms)).max(1);
    u32::try_from(handling * 1_000_000 / all).unwrap_or(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::occupancy_ppm;

    #[test]
    fn occupancy_is_the_share_of_the_work() {
        assert_eq!(occupancy_ppm(0, 0), 0);
        assert_eq!(occupancy_ppm(0, 5), 0);
        assert_eq!(occupancy_ppm(5, 0), 1_000_000);
        assert_eq!(occupancy_ppm(3_000, 9_000), 250_000);
        assert_eq!(occupancy_ppm(u64::MAX, u64::MAX), 500_000);
    }
}
