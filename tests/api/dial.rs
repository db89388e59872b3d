//! Agents dial out from their desks: who may, whom, and under which number.

use crate::sockets::floor;
use crate::support::{Api, Server};
use serde_json::{Value, json};

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

fn dial(api: &Api, body: &Value) -> (u16, String) {
    let (status, _, answer) = api.post(&at("agents/usr_ann/dial"), body);
    let text = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
    (status, if status == 202 { text("caller_id") } else { text("detail") })
}

fn commands(server: &Server) -> Vec<Value> {
    let page = server.must_get(&at("switches/edge/commands?after=0&wait_ms=0"));
    page["commands"].as_array().expect("commands").clone()
}

/// The permission that a refusal names.
fn refused((status, detail): &(u16, String), rule: &str) -> bool {
    *status == 403 && detail.ends_with(&format!("permission {rule}"))
}

#[test]
fn a_number_is_shown_that_the_agent_may_show_and_no_other() {
    let server = Server::start();
    let (_, ann) = floor(&server);
    let to = |caller_id: &str| json!({ "to": "+4930", "caller_id": caller_id });
    let bare = json!({ "to": "+4930" });
    server.must("PATCH", &at("users/usr_ann"), &json!({ "endpoint": null }));
    assert_eq!(dial(&ann, &bare).0, 409, "nowhere to be joined");
    let fields = json!({ "endpoint": "sip:ann@127.0.0.1", "caller_id": "+15559",
        "caller_ids": ["+15559", "+15558"], "numbers": ["+1777"] });
    server.must("PATCH", &at("users/usr_ann"), &fields);
    assert_eq!(dial(&ann, &bare), (202, "+15559".to_owned()));
    let told = commands(&server).pop().expect("a command");
    assert_eq!(told["type"], "call.originate");
    let said = ["agent", "endpoint", "to", "caller_id"].map(|name| told[name].clone());
    let wanted = ["usr_ann", "sip:ann@127.0.0.1", "+4930", "+15559"].map(Value::from);
    assert_eq!((said, told.get("offer")), (wanted, None));

    assert_eq!(dial(&ann, &to("+15558")), (202, "+15558".to_owned()));
    assert_eq!(dial(&ann, &to("+1777")), (202, "+1777".to_owned()));
    assert!(refused(&dial(&ann, &to("+1999")), "caller_id"), "a foreign number");
    let own = json!({ "may_use_own_number": false });
    server.must("PATCH", &at("users/usr_ann"), &own);
    assert!(refused(&dial(&ann, &to("+1777")), "caller_id"));
    // The group says that nobody chooses; the usual one stays.
    let group = |settings: Value| {
        let body = json!({ "name": "Sales", "total_ms": 20_000, "settings": settings });
        server.must("PUT", &at("groups/sales"), &body);
    };
    group(json!({ "may_choose_caller_id": false }));
    server.must("PUT", &at("groups/sales/members/usr_ann"), &json!({}));
    assert!(refused(&dial(&ann, &to("+15558")), "caller_id"));
    assert_eq!(dial(&ann, &to("+15559")), (202, "+15559".to_owned()));
    server.must("PATCH", &at("users/usr_ann"), &json!({ "caller_id": null }));
    group(json!({ "caller_id": "+15550" }));
    assert_eq!(dial(&ann, &bare), (202, "+15550".to_owned()));
    // Nobody dials for others, but who may steer them.
    server.must("PUT", &at("users/usr_bob"), &json!({ "first_name": "Bob", "last_name": "Lee" }));
    assert_eq!(ann.post(&at("agents/usr_bob/dial"), &bare).0, 404);
    assert_eq!(dial(&server, &bare).0, 202);
}

#[test]
fn out_and_to_other_domains_is_dialled_by_who_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &[]);
    let (_, ann) = floor(&server);
    let to = |number: &str| json!({ "to": number });
    let fields = json!({ "endpoint": "sip:ann@127.0.0.1", "domain": "acme.test" });
    server.must("PATCH", &at("users/usr_ann"), &fields);
    let bob = |domain: &str| {
        let body = json!({ "first_name": "Bob", "last_name": "Lee", "extension": "1002",
            "domain": domain });
        server.must("PUT", &at("users/usr_bob"), &body);
    };
    bob("other.test");
    assert_eq!(dial(&ann, &to("1002")).0, 202);
    server.must("PATCH", &at("users/usr_ann"), &json!({ "may_dial_domains": false }));
    assert!(refused(&dial(&ann, &to("1002")), "dial_domains"));
    assert!(refused(&dial(&ann, &to("1002@other.test")), "dial_domains"));
    assert!(refused(&dial(&ann, &to("77@other.test")), "dial_domains"));
    assert_eq!(dial(&ann, &to("+4930")).0, 202);
    bob("acme.test");
    assert_eq!(dial(&ann, &to("1002")).0, 202);
    // Not out, but within the house.
    let settings = json!({ "group_settings": { "outbound": false } });
    server.must("PATCH", "/v1/accounts/default", &settings);
    assert!(refused(&dial(&ann, &to("+4930")), "outbound"));
    assert_eq!(dial(&ann, &to("1002")).0, 202);
    let before = commands(&server);
    assert_eq!(before.len(), 4);
    server.kill();
    let server = Server::start_in(&data, &[]);
    assert_eq!(commands(&server), before, "told until the switch has done it");
    let cannot = json!({ "capabilities": { "originate": false } });
    server.must("PATCH", &at("switches/edge"), &cannot);
    let ann = server.with_key(&ann.key);
    let (status, _, answer) = ann.post(&at("agents/usr_ann/dial"), &to("1002"));
    assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/switch")));
}
