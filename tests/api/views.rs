//! Saved views: one's own, with versions and limits, and those that are shared.

use crate::rights::user;
use crate::support::{Api, Server};
use serde_json::{Value, json};

const BASE: &str = "/v1/accounts/default";

fn own(user: &str, view: &str) -> String {
    format!("{BASE}/users/{user}/views/{view}")
}

fn names(by: &Api) -> Vec<String> {
    let listed = by.must_get(&format!("{BASE}/views"));
    let items = listed["items"].as_array().expect("items").clone();
    items.iter().map(|view| view["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_view_is_kept_changed_and_deleted_by_whose_it_is() {
    let mut server = Server::start();
    let sue = user(&server, "usr_sue", "supervisor");
    let ann = user(&server, "usr_ann", "agent");
    let at = own("usr_sue", "late");
    let body = json!({ "name": "Late shift", "path": "/live?show=busy&sort=since.down",
        "zone": "Europe/Berlin" });
    let made = sue.put(&at, &body);
    assert_eq!(made.0, 201, "{}", made.2);
    let mut wanted = body.clone();
    for (name, value) in [
        ("id", json!("late")),
        ("user", json!("usr_sue")),
        ("user_name", json!("usr_sue Lee")),
        ("own", json!(true)),
        ("shared", json!("nobody")),
        ("version", made.2["version"].clone()),
    ] {
        wanted[name] = value;
    }
    assert_eq!(sue.must_get(&at), wanted);
    // What was read can be sent back, at the version that was read.
    let (status, headers, mut read) = sue.get(&at);
    assert_eq!(status, 200);
    let etag = headers.get("etag").expect("a version").clone();
    let with = |tag: &str, body: &Value| {
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        sue.request("PUT", &at, &headers, Some(body))
    };
    read["name"] = json!("Night shift");
    assert_eq!(with(&etag, &read).0, 200);
    let late = with(&etag, &read);
    assert_eq!((late.0, &late.2["code"]), (412, &json!("precondition_failed")));
    assert_eq!(names(&sue), ["Night shift"]);
    // Nobody else has it, nor makes one for another: not even the owner.
    assert_eq!(names(&ann), Vec::<String>::new());
    for by in [&ann, server.api()] {
        assert_eq!(by.get(&at).0, 404);
        assert_eq!(by.put(&at, &body).0, 404);
        assert_eq!(by.delete(&at).0, 404);
    }
    let wrong = sue.put(&own("usr_sue", "No_Id"), &body);
    assert_eq!((wrong.0, &wrong.2["code"]), (422, &json!("invalid_id")));
    let wrong = sue.put(&at, &json!({ "name": "X", "path": "https://elsewhere.test/" }));
    assert_eq!((wrong.0, &wrong.2["errors"][0]["pointer"]), (422, &json!("/path")));
    // It is in the journal.
    let data = server.data().to_owned();
    let key = sue.key.clone();
    server.stop();
    let again = Server::start_in(&data, &[]);
    let sue = again.with_key(&key);
    assert_eq!(names(&sue), ["Night shift"]);
    assert_eq!(sue.delete(&at).0, 204);
    assert_eq!((names(&sue).len(), sue.delete(&at).0), (0, 404));
}

#[test]
fn who_steers_shares() {
    let server = Server::start();
    server.must("PUT", &format!("{BASE}/teams/t"), &json!({ "name": "T" }));
    let sue = user(&server, "usr_sue", "supervisor");
    let mate = user(&server, "usr_mate", "supervisor");
    let ann = user(&server, "usr_ann", "agent");
    for id in ["usr_sue", "usr_mate"] {
        server.must("PUT", &format!("{BASE}/teams/t/members/{id}"), &json!({}));
    }
    let view =
        |name: &str, shared: &str| json!({ "name": name, "path": "/wall", "shared": shared });
    for (id, shared) in [("a", "nobody"), ("b", "team"), ("c", "account")] {
        assert_eq!(sue.put(&own("usr_sue", id), &view(shared, shared)).0, 201);
    }
    assert_eq!(names(&sue), ["account", "nobody", "team"]);
    assert_eq!(names(&mate), ["account", "team"]);
    assert_eq!(names(&ann), ["account"]);
    let read = ann.must_get(&own("usr_sue", "c"));
    assert_eq!((&read["own"], &read["user"]), (&json!(false), &json!("usr_sue")));
    assert_eq!(ann.get(&own("usr_sue", "b")).0, 404);
    // An agent keeps own views, and shares none.
    assert_eq!(ann.put(&own("usr_ann", "mine"), &view("mine", "nobody")).0, 201);
    let refused = ann.put(&own("usr_ann", "mine"), &view("mine", "team"));
    assert_eq!((refused.0, &refused.2["code"]), (403, &json!("forbidden")));
    assert_eq!(names(&ann), ["mine", "account"]);
    // Who is erased leaves none behind.
    let erased = server.post(&format!("{BASE}/users/usr_sue/erase"), &Value::Null);
    assert_eq!(erased.0, 200, "{}", erased.2);
    assert_eq!(names(&ann), ["mine"]);
}

#[test]
fn a_hundred_are_enough() {
    let server = Server::start();
    let sue = user(&server, "usr_sue", "supervisor");
    let put = |nth: usize| {
        let body = json!({ "name": format!("View {nth}"), "path": "/live" });
        sue.put(&own("usr_sue", &format!("v{nth}")), &body)
    };
    for nth in 0..100 {
        assert_eq!(put(nth).0, 201);
    }
    let refused = put(100);
    assert_eq!((refused.0, &refused.2["code"]), (409, &json!("too_many")));
    assert_eq!(put(99).0, 200, "one that is there is changed");
}
