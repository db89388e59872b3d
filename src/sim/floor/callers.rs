//! Callers: Poisson arrivals, each with a wish, a patience and a length of talk.

use super::exchange::{Caller, Said};
use super::{between, exponential};
use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// The first caller comes so soon.
const FIRST: Duration = Duration::from_millis(200);

/// Sends callers until the switch listens no more, or for ever.
pub async fn run(mut dice: Pcg64, per_minute: f64, said: UnboundedSender<Said>) {
    let mean = Duration::from_secs_f64(60.0 / per_minute.max(0.001));
    let mut wait = FIRST.min(mean);
    loop {
        tokio::time::sleep(wait).await;
        if said.send(Said::Arrive(caller(&mut dice))).is_err() {
            return;
        }
        wait = exponential(&mut dice, mean);
    }
}

/// The next caller.
#[must_use]
pub fn caller(dice: &mut Pcg64) -> Caller {
    let from = format!("+1555{:07}", dice.random_range(1_000_000..9_999_999u32));
    let wish = wish(dice);
    let patience = Duration::from_secs(4) + exponential(dice, Duration::from_secs(25));
    Caller { from, wish, patience, talk: between(dice, 4_000, 14_000) }
}

/// What they dial: the numbers of [`super::world`]'s routes, a group's extension, or a queue that
/// the switch's own menu has found out, some with a wish for a language.
fn wish(dice: &mut Pcg64) -> Value {
    match dice.random_range(0..100) {
        0..35 => json!({ "to": "+15559990000" }),
        35..50 => json!({ "to": "+15559990001" }),
        50..60 => json!({ "to": "+15559990001", "skills": [{ "skill": "spanish", "min": 40 }] }),
        60..78 => json!({ "to": "+15559990002", "queue": "billing" }),
        78..88 => json!({ "queue": "returns", "priority": 2 }),
        _ => json!({ "to": "7000", "extension": "7000" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_differ_and_a_seed_repeats_them() {
        let mut one = super::super::dice(1, 0);
        let mut same = super::super::dice(1, 0);
        let calls: Vec<Caller> = (0..200).map(|_| caller(&mut one)).collect();
        for call in &calls {
            let again = caller(&mut same);
            assert_eq!((&call.from, &call.wish), (&again.from, &again.wish));
            assert!(call.patience >= Duration::from_secs(4) && !call.talk.is_zero());
        }
        assert!(calls.iter().any(|call| call.wish.get("skills").is_some()));
        assert!(calls.iter().any(|call| call.wish["extension"] == "7000"));
    }
}
