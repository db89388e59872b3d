//! Invitations: by link, again, taken back, and the moves of a user's life.

use crate::support::Server;
use serde_json::{Value, json};

const BASE: &str = "/v1/accounts/default";
const PASSWORD: &str = "correct horse";

fn invitee(email: &str) -> Value {
    json!({ "email": email, "first_name": "Ann", "last_name": "Lee", "role": "agent" })
}

fn invite(server: &Server, items: Value) -> (u16, Vec<Value>) {
    let (status, _, body) = server.post(&format!("{BASE}/invites"), &json!({ "items": items }));
    (status, body["results"].as_array().cloned().unwrap_or_else(|| panic!("{body:#}")))
}

fn accept(server: &Server, link: &Value) -> u16 {
    let body = json!({ "link": link, "password": PASSWORD, "confirm": PASSWORD });
    server.with_key("").post("/v1/links/use", &body).0
}

fn state(server: &Server, user: &str) -> Value {
    server.must_get(&format!("{BASE}/users/{user}"))["state"].clone()
}

#[test]
fn who_is_invited_becomes_active_by_the_link_and_by_nothing_else() {
    let server = Server::start();
    let (status, made) =
        invite(&server, json!([invitee("ann@acme.test"), invitee("bob@acme.test")]));
    assert_eq!((status, made.len()), (200, 2), "{made:?}");
    let ann = made[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(state(&server, &ann), "invited");
    let listed = server.must_get(&format!("{BASE}/invites"));
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed:#}");
    let users = format!("{BASE}/users/{ann}");
    // S0-14: no other move.
    assert_eq!(server.patch(&users, &json!({ "state": "active" })).2["code"], "not_accepted");
    let sign_in = json!({ "email": "ann@acme.test", "password": PASSWORD });
    assert_eq!(server.with_key("").post("/v1/sessions", &sign_in).0, 401);
    // X27: the role of who is invited may change; S0-08: sent again, the old link is dead.
    assert_eq!(server.patch(&users, &json!({ "role": "supervisor" })).0, 200);
    let again = server.must("POST", &format!("{users}/link"), &json!({}));
    assert_eq!(again["purpose"], "invite");
    assert_eq!(accept(&server, &made[0]["link"]), 410);
    assert_eq!(accept(&server, &again["link"]), 200);
    assert_eq!(state(&server, &ann), "active");
    let opened = server.must("POST", "/v1/sessions", &sign_in);
    assert_eq!((&opened["user"], &opened["role"]), (&json!(ann), &json!("supervisor")));
    assert_eq!(server.patch(&users, &json!({ "state": "invited" })).2["code"], "not_accepted");
    let (_, known) = invite(&server, json!([invitee("ANN@acme.test")]));
    assert_eq!((&known[0]["status"], &known[0]["error"]["code"]), (&json!(409), &json!("exists")));

    // S0-12: who is deactivated is invited again under the same id.
    assert_eq!(server.delete(&users).0, 409, "S0-13");
    assert_eq!(server.patch(&users, &json!({ "state": "deactivated" })).0, 200);
    let (_, back) = invite(&server, json!([invitee("ann@acme.test")]));
    assert_eq!((&back[0]["id"], state(&server, &ann)), (&json!(ann), json!("invited")));
    assert_eq!(accept(&server, &back[0]["link"]), 200);
    assert_eq!(state(&server, &ann), "active");

    // Taken back.
    let bob = made[1]["id"].as_str().expect("an id");
    assert_eq!(server.delete(&format!("{BASE}/invites/{bob}")).0, 204);
    assert_eq!(accept(&server, &made[1]["link"]), 410);
    assert_eq!(state(&server, bob), "deactivated");
    assert_eq!(server.delete(&format!("{BASE}/invites/{bob}")).0, 404);
}

#[test]
fn an_invitation_names_everything_that_it_lacks_and_keeps_to_the_organisation() {
    let server = Server::start();
    let items = json!([
        {},
        invitee("ann@gmail.com"),
        invitee("ann@acme.test"),
        { "email": "x@acme.test", "first_name": "A", "last_name": "B", "role": "owner" },
    ]);
    let narrow = server.client(json!({ "name": "n", "role": "manager" }));
    let (status, _, body) = narrow.post(&format!("{BASE}/invites"), &json!({ "items": items }));
    assert_eq!(status, 207, "{body:#}");
    let results = body["results"].as_array().expect("results");
    let pointers = |result: &Value| -> Vec<String> {
        let errors = result["error"]["errors"].as_array().expect("errors");
        errors.iter().map(|e| e["pointer"].as_str().unwrap_or("").to_owned()).collect()
    };
    // S0-03
    assert_eq!(pointers(&results[0]), ["/email", "/first_name", "/last_name", "/role"]);
    assert_eq!(results[1]["error"]["errors"][0]["code"], "personal_email_domain");
    assert_eq!((&results[2]["status"], &results[3]["status"]), (&json!(201), &json!(403)));
    // S0-07: the list is the account's to edit.
    let settings = json!({ "refused_domains": ["acme.test"] });
    assert_eq!(server.patch(BASE, &settings).0, 200);
    let (_, results) = invite(&server, json!([invitee("ann@gmail.com"), invitee("bob@acme.test")]));
    assert_eq!((&results[0]["status"], &results[1]["status"]), (&json!(201), &json!(422)));
    // S0-02
    let agent = server.client(json!({ "name": "a", "role": "agent", "user": "usr_ann" }));
    let (status, _, body) =
        agent.post(&format!("{BASE}/invites"), &json!({ "items": [invitee("c@c.test")] }));
    assert_eq!((status, &body["results"][0]["status"]), (207, &json!(403)));
}
