//! What operators rely on: a stop in good order, a restore from a backup, and that what the handbook,
//! the alert rules, the dashboard and the unit say is so.

mod support;

#[path = "operations/documents.rs"]
mod documents;
#[path = "operations/output.rs"]
mod output;
#[path = "operations/prometheus.rs"]
mod prometheus;
#[path = "operations/restore.rs"]
mod restore;
#[path = "operations/stop.rs"]
mod stop;

use serde_json::{Value, json};
use support::Api;

const BASE: &str = "/v1/accounts/default";

/// A switch, a queue, and agents in it who are ready.
fn furnish(api: &Api, agents: &[&str]) {
    let at = |path: &str| format!("{BASE}/{path}");
    api.must("PUT", &at("switches/edge"), &json!({ "name": "Edge" }));
    api.must("PUT", &at("queues/support"), &json!({ "name": "Support" }));
    for agent in agents {
        let user = json!({ "first_name": "A", "last_name": "B", "role": "agent",
            "endpoint": format!("sip:{agent}@127.0.0.1") });
        api.must("PUT", &at(&format!("users/{agent}")), &user);
        api.must("PUT", &at(&format!("queues/support/members/{agent}")), &json!({}));
        api.must("PUT", &at(&format!("agents/{agent}/status")), &json!({ "status": "ready" }));
    }
}

/// An arrival at the queue.
fn arrival(call: &str) -> Value {
    json!({ "specversion": "1.0", "id": format!("{call}-1"), "source": "edge",
        "type": "call.arrived", "subject": call, "bootid": "b", "sequence": "1",
        "data": { "media": "voice", "from": "+15551230001", "to": "+15559990000",
            "queue": "support" } })
}

/// Whether the switch's call of this name is known.
fn knows(api: &Api, call: &str) -> bool {
    let found = api.must_get(&format!("{BASE}/calls?switch=edge&switch_call={call}"));
    found["items"].as_array().is_some_and(|items| items.len() == 1)
}
