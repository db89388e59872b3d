//! Orders and plans of a random history's queues.

use super::{Maker, set};
use serde_json::{Value, json};

impl Maker {
    /// A queue's strategy: a preset's name with what stands beside it, or an object.
    pub(super) fn strategy(&mut self, body: &mut Vec<(String, String)>) {
        let total = self.one_of(&[4_000, 8_000, 20_000, 40_000]);
        if self.once_in(2) {
            let plan = self.explicit(total);
            return set(body, "strategy", plan);
        }
        let strategy = self.one_of(&[
            "simultaneous",
            "simultaneous",
            "least_calls",
            "sequential",
            "sequential",
            "skilled",
            "longest_idle",
            "round_robin",
            "random",
            "weighted",
            "least_versatile",
            "least_talk",
            "least_occupied",
            "least_occupied",
        ]);
        set(body, "strategy", strategy);
        let timed = matches!(strategy, "simultaneous" | "least_calls" | "sequential");
        if timed || self.once_in(5) {
            set(body, "total_ms", total);
        }
        self.ring(body, strategy);
    }

    fn explicit(&mut self, total: u64) -> Value {
        let order = self.one_of(&[
            "longest_idle",
            "least_calls",
            "least_calls",
            "in_order",
            "stars",
            "round_robin",
            "round_robin",
            "random",
            "weighted",
            "least_versatile",
            "least_talk",
            "least_talk",
            "least_occupied",
            "least_occupied",
        ]);
        let mut plan = json!({ "order": order, "width": self.width() });
        if self.once_in(3) {
            plan["ring_for_ms"] = self.one_of(&[1_000, 3_000, 5_000]).into();
        } else if self.once_in(4) {
            (plan["ring_for_ms"], plan["total_ms"]) = ("total".into(), total.into());
        }
        if self.once_in(5) {
            plan["total_ms"] = total.into();
        }
        if self.once_in(3) {
            plan["on_miss"] = self.one_of(&["next", "requeue", "exit"]).into();
        }
        if self.once_in(5) {
            plan["attempts"] = (self.below(4) + 1).into();
        }
        if self.once_in(4) {
            plan["again"] = false.into();
        }
        if self.once_in(3) {
            plan["again_after_ms"] = self.one_of(&[0, 1_000, 10_000]).into();
        }
        if matches!(order, "least_calls" | "least_talk" | "least_occupied") {
            plan["window"] = self.one_of(&["day", "shift", "24h", "24h"]).into();
        }
        let tied = matches!(order, "in_order" | "round_robin" | "random" | "weighted");
        if !tied && self.once_in(3) {
            plan["ties"] = "random".into();
        }
        if order == "weighted" && self.once_in(2) {
            plan["by"] = json!({ "skill": self.one_of(&["spanish", "tech"]) });
        }
        plan
    }

    fn width(&mut self) -> Value {
        match self.below(6) {
            0 => 2.into(),
            1 => "all".into(),
            2 => json!([{ "after_ms": 0, "offers": 1 }, { "after_ms": 2_000, "offers": 3 },
                { "after_ms": 5_000, "offers": "all" }]),
            3 => json!([{ "after_ms": 0, "offers": 1 }, { "after_ms": 1_000, "offers": 2 }]),
            _ => 1.into(),
        }
    }

    /// What changes a strategy later: sometimes all of it.
    pub(super) fn another_strategy(&mut self, body: &mut Vec<(String, String)>) {
        for key in ["ring_for_ms", "total_ms", "on_miss", "attempts", "again", "again_after_ms"] {
            body.retain(|(k, _)| k != key);
        }
        self.strategy(body);
    }
}
