//! Who did what to whom, from where, before and after.

use crate::support::Server;
use serde_json::{Value, json};

const BASE: &str = "/v1/accounts/default";

fn audit(server: &Server, query: &str) -> Vec<Value> {
    let page = server.must_get(&format!("{BASE}/audit?{query}"));
    page["items"].as_array().expect("items").clone()
}

fn deeds(items: &[Value]) -> Vec<String> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or("-").to_owned();
    items
        .iter()
        .map(|i| format!("{} {} {}", text(i, "by"), text(i, "action"), text(i, "subject")))
        .collect()
}

#[test]
fn what_was_done_is_told_with_before_and_after() {
    let server = Server::start();
    let ann = json!({ "first_name": "Ann", "last_name": "Lee", "email": "ann@acme.test" });
    server.must("PUT", &format!("{BASE}/users/usr_ann"), &ann);
    server.must("PUT", &format!("{BASE}/queues/support"), &json!({ "name": "Support" }));
    server.must("PUT", &format!("{BASE}/queues/support/members/usr_ann"), &json!({}));
    let boss = server.client(json!({ "name": "boss", "role": "administrator" }));
    let patch = json!({ "role": "supervisor", "email": "lee@acme.test" });
    assert_eq!(boss.patch(&format!("{BASE}/users/usr_ann"), &patch).0, 200);
    // Refused, or nothing changed: nothing was done.
    assert_eq!(boss.patch(&format!("{BASE}/users/usr_ann"), &patch).0, 200);
    assert_eq!(boss.patch(&format!("{BASE}/users/usr_bob"), &patch).0, 404);
    let force = json!({ "items": [{ "user": "usr_ann", "status": "online" }] });
    boss.must("POST", &format!("{BASE}/agents/bulk/status"), &force);
    // Her own work is no deed upon something.
    let own = server.client(json!({ "name": "desk", "role": "agent", "user": "usr_ann" }));
    own.must("PUT", &format!("{BASE}/agents/usr_ann/status"), &json!({ "status": "offline" }));
    assert_eq!(boss.delete(&format!("{BASE}/queues/support/members/usr_ann")).0, 204);

    let all = audit(&server, "");
    let keys = server.must_get(&format!("{BASE}/keys"));
    let issued = |name: &str| {
        let mut keys = keys["items"].as_array().expect("items").iter();
        let key = keys.find(|key| key["name"] == name).expect("listed");
        format!("owner key.issue {}", key["id"].as_str().expect("an id"))
    };
    assert_eq!(
        deeds(&all),
        [
            "boss member.delete support/usr_ann",
            &issued("desk"),
            "boss status.force usr_ann",
            "boss user.put usr_ann",
            &issued("boss"),
            "owner member.put support/usr_ann",
            "owner queue.put support",
            "owner user.put usr_ann",
        ]
    );
    let put = &all[3];
    let changed = json!([{ "field": "email", "before": null, "after": null },
        { "field": "role", "before": "agent", "after": "supervisor" }]);
    assert_eq!(put["changed"], changed, "of an e-mail only that it changed");
    assert_eq!((&put["from"], &put["user"]), (&json!("127.0.0.1"), &Value::Null));
    assert!(put["key"].as_str().is_some_and(|key| key.starts_with("key_")), "{put}");
    assert_eq!(deeds(&audit(&server, "actor=boss&action=user")), ["boss user.put usr_ann"]);
    assert_eq!(audit(&server, "subject=usr_ann").len(), 3);
    assert_eq!(audit(&server, "action=member.put").len(), 1);
    assert_eq!(audit(&server, "action=mem").len(), 0);
    let at = put["at"].as_str().expect("an instant");
    assert!(audit(&server, &format!("to={at}")).len() <= 4);
    assert!(audit(&server, &format!("from={at}")).len() >= 4);
    assert_eq!(audit(&server, "to=2001-01-01T00:00:00.000Z").len(), 0);
    assert_eq!(server.get(&format!("{BASE}/audit?from=yesterday")).0, 422);

    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.must_get(&format!("{BASE}/audit?limit=2{cursor}"));
        paged.extend(page["items"].as_array().expect("items").clone());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, all, "in pages the same");

    // In the feed it stands with what it led to.
    let feed = server.must_get(&format!("{BASE}/feed?limit=1000"));
    let records = feed["items"].as_array().expect("items");
    let record = records.iter().find(|r| r["seq"] == put["seq"]).expect("the record");
    let events = record["events"].as_array().expect("events");
    let asked = events.iter().find(|event| event["type"] == "asked").expect("asked");
    assert_eq!(
        (&asked["by"], &asked["address"]),
        (&json!("boss"), &json!({ "from": "127.0.0.1" }))
    );
}

#[test]
fn keys_and_the_accounts_own_settings_are_told_too() {
    let server = Server::start();
    let boss = server.client(json!({ "name": "boss", "role": "administrator" }));
    assert_eq!(boss.patch(BASE, &json!({ "name": "Acme", "max_queues": 7 })).0, 200);
    let body = json!({ "name": "board", "role": "supervisor", "scopes": ["watch"],
        "networks": ["127.0.0.0/8"] });
    let made = boss.must("POST", &format!("{BASE}/keys"), &body);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(boss.delete(&format!("{BASE}/keys/{id}")).0, 204);
    // Refused: nothing was done.
    assert_eq!(boss.delete(&format!("{BASE}/keys/{id}")).0, 404);
    let all = audit(&server, "actor=boss");
    let (revoke, issue) = (format!("boss key.revoke {id}"), format!("boss key.issue {id}"));
    assert_eq!(deeds(&all), [revoke.as_str(), &issue, "boss account.put account"]);
    let field = |deed: &Value, name: &str| {
        let mut changed = deed["changed"].as_array().expect("fields").iter();
        let found = changed.find(|c| c["field"] == name).cloned().expect("the field");
        (found["before"].clone(), found["after"].clone())
    };
    assert_eq!(field(&all[0], "role"), (json!("supervisor"), Value::Null));
    assert_eq!(field(&all[1], "role"), (Value::Null, json!("supervisor")));
    assert_eq!(field(&all[1], "scopes"), (Value::Null, json!(["watch"])));
    assert_eq!(field(&all[1], "networks"), (Value::Null, json!(["127.0.0.0/8"])));
    assert_eq!(field(&all[2], "max_queues"), (json!(5), json!(7)));
    assert!(!all[1].to_string().contains(made["secret"].as_str().expect("a secret")));
    assert_eq!(all[1]["from"], "127.0.0.1");
    assert_eq!(deeds(&audit(&server, &format!("subject={id}&action=key"))).len(), 2);
    assert_eq!(deeds(&audit(&server, "action=account")), ["boss account.put account"]);
}

#[test]
fn the_audit_is_a_file_when_that_is_asked_for() {
    let server = Server::start();
    let path = "/v1/accounts/default/queues/support";
    server.must("PUT", path, &json!({ "name": "Support" }));
    server.must("PATCH", path, &json!({ "name": "=Help", "max_ringing": 7 }));
    server.must("DELETE", path, &json!({}));
    let answer = server.get("/v1/accounts/default/audit?subject=support&format=csv");
    assert_eq!((answer.0, &*answer.1["content-type"]), (200, "text/csv"));
    let text = answer.2.as_str().expect("text");
    let rows: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(rows[0], "seq,at,by,user,key,from,action,subject,field,before,after");
    let changed: Vec<&&str> = rows.iter().filter(|row| row.contains(",max_ringing,")).collect();
    assert!(changed.iter().any(|row| row.contains("queue.put,support") && row.ends_with(",7")));
    assert!(text.contains(",name,Support,'=Help"), "no formula: {text}");
    let xlsx = server.get("/v1/accounts/default/audit?format=xlsx");
    assert_eq!(xlsx.1["content-disposition"], "attachment; filename=\"audit.xlsx\"");
}
