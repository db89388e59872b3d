//! The demo's account: what an administrator would configure, as paths and bodies of the public
//! interface, in stages of which each needs the ones before.

use serde_json::{Value, json};

/// The demo's switch.
pub const SWITCH: &str = "demo-switch";

const FIRST: [&str; 24] = [
    "Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gwen", "Hugo", "Iris", "Jack", "Kim", "Leo",
    "Maya", "Noah", "Olga", "Pete", "Quinn", "Rosa", "Sam", "Tara", "Uma", "Vic", "Wes", "Zoe",
];
const LAST: [&str; 11] = [
    "Lee", "Marsh", "Novak", "Okoro", "Park", "Reyes", "Silva", "Tanaka", "Usman", "Vogel", "Wood",
];

/// Queues that agents are members of, in turn.
const QUEUES: [&str; 4] = ["support", "sales", "billing", "returns"];

/// An object to `PUT`, below `/v1/accounts/{account}`.
pub type Put = (String, Value);

/// The id of the agent of this number, from 0.
#[must_use]
pub fn user(number: usize) -> String {
    let first = FIRST[number % FIRST.len()].to_ascii_lowercase();
    match number / FIRST.len() {
        0 => format!("usr_{first}"),
        round => format!("usr_{first}_{}", round + 1),
    }
}

/// How many agents belong to the group (membership of groups is exclusive, so they are few).
fn in_group(agents: usize) -> usize {
    (agents / 6).clamp(1, 4)
}

/// Everything, stage by stage; within a stage the order does not matter.
#[must_use]
pub fn stages(agents: usize) -> Vec<Vec<Put>> {
    let mut queues = queues();
    // The others' exits lead to the first.
    let others = queues.split_off(1);
    vec![basics(), users(agents), queues, others, routes(), members(agents)]
}

fn put(path: &str, body: Value) -> Put {
    (path.to_owned(), body)
}

fn basics() -> Vec<Put> {
    vec![
        put("/break_reasons/lunch", json!({ "name": "Lunch" })),
        put("/break_reasons/coffee", json!({ "name": "Coffee" })),
        put("/break_reasons/training", json!({ "name": "Training" })),
        put("/skills/spanish", json!({ "name": "Spanish", "level_required": true })),
        put("/skills/products", json!({ "name": "Products", "level_required": true })),
        put(&format!("/switches/{SWITCH}"), json!({ "name": "Simulated switch" })),
    ]
}

fn users(agents: usize) -> Vec<Put> {
    let body = |i: usize| {
        let mut skills = json!({ "products": 20 + (i * 17) % 80 });
        if !i.is_multiple_of(3) {
            skills["spanish"] = json!(40 + (i * 7) % 60);
        }
        json!({
            "first_name": FIRST[i % FIRST.len()], "last_name": LAST[i % LAST.len()],
            "role": "agent", "endpoint": format!("sip:{}@demo.invalid", &user(i)["usr_".len()..]),
            "skills": skills,
        })
    };
    (0..agents).map(|i| put(&format!("/users/{}", user(i)), body(i))).collect()
}

/// One queue of each preset and a group. Rings are short, so that the
/// demo has something to show.
fn queues() -> Vec<Put> {
    let wrap_up = json!({ "manual": true, "max_ms": 20_000 });
    let queue = |name: &str, strategy: &str, more: Value| {
        let mut body = json!({ "name": name, "strategy": strategy, "wrap_up": wrap_up });
        for (field, value) in more.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        body
    };
    let to_support = json!({ "queue": "support" });
    vec![
        put(
            "/queues/support",
            queue(
                "Support",
                "longest_idle",
                json!({
            "ring_for_ms": 8_000, "exits": { "max_wait_ms": 90_000, "max_waiting": 200 } }),
            ),
        ),
        put(
            "/queues/sales",
            queue(
                "Sales",
                "skilled",
                json!({
            "ring_for_ms": 8_000, "competency": true, "priority": 1 }),
            ),
        ),
        put(
            "/queues/billing",
            queue(
                "Billing",
                "least_calls",
                json!({
            "total_ms": 20_000,
            "exits": { "on_total": to_support, "on_missed": to_support } }),
            ),
        ),
        put(
            "/queues/returns",
            queue(
                "Returns",
                "sequential",
                json!({
            "ring_for_ms": 6_000, "total_ms": 45_000, "exits": { "on_total": to_support } }),
            ),
        ),
        put(
            "/groups/front-desk",
            queue(
                "Front desk",
                "simultaneous",
                json!({
            "extension": "7000", "total_ms": 15_000, "exits": { "on_total": to_support } }),
            ),
        ),
    ]
}

fn routes() -> Vec<Put> {
    let route = |number: &str, queue: &str| json!({ "number": number, "to": { "queue": queue } });
    vec![
        put("/routes/main", route("+15559990000", "support")),
        put("/routes/sales", route("+15559990001", "sales")),
    ]
}

/// Every agent works one queue or two; the last few the group too.
fn members(agents: usize) -> Vec<Put> {
    let mut puts = Vec::new();
    for i in 0..agents {
        for queue in [QUEUES[i % 4], QUEUES[(i / 4 + i + 1) % 4]] {
            let body = json!({ "stars": 1 + i % 4, "position": i + 1 });
            puts.push(put(&format!("/queues/{queue}/members/{}", user(i)), body));
        }
        if i + in_group(agents) >= agents {
            puts.push(put(&format!("/groups/front-desk/members/{}", user(i)), json!({})));
        }
    }
    puts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_agent_has_an_id_of_their_own() {
        let ids: BTreeSet<String> = (0..500).map(user).collect();
        assert_eq!(ids.len(), 500);
        assert!(ids.iter().all(|id| crate::domain::ids::is_user_name(id)));
    }

    #[test]
    fn members_name_what_exists() {
        for agents in [1, 3, 24, 100] {
            let stages = stages(agents);
            let before: BTreeSet<&str> =
                stages[..5].iter().flatten().map(|(path, _)| path.as_str()).collect();
            for (path, _) in &stages[5] {
                let (parent, user) = path.split_once("/members/").unwrap();
                assert!(before.contains(parent), "{path}");
                assert!(before.contains(format!("/users/{user}").as_str()), "{path}");
            }
        }
    }
}
