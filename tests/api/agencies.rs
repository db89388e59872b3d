//! People with places in several accounts, and agencies, which own accounts.

use crate::sockets::open_at;
use crate::support::{Api, Server};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";

fn found(server: &Server, id: &str) -> Api {
    let made = server.must("POST", "/v1/accounts", &json!({ "id": id }));
    server.with_key(made["owner_key"]["secret"].as_str().expect("a secret"))
}

fn at(account: &str, path: &str) -> String {
    format!("/v1/accounts/{account}/{path}")
}

/// A user of an account who can sign in, by the address `{name}@acme.test`.
fn member(api: &Api, account: &str, name: &str, role: &str) {
    let user = at(account, &format!("users/usr_{name}"));
    let body = json!({ "email": format!("{name}@acme.test"), "first_name": name,
        "last_name": "Lee", "role": role });
    api.must("PUT", &user, &body);
    let password = json!({ "password": PASSWORD, "confirm": PASSWORD });
    assert_eq!(api.put(&format!("{user}/password"), &password).0, 204);
}

fn sign_in(server: &Server, name: &str) -> Api {
    let body = json!({ "email": format!("{name}@acme.test"), "password": PASSWORD });
    let opened = server.with_key("").must("POST", "/v1/sessions", &body);
    assert_eq!(opened["account"], "acme", "at home, wherever that is");
    server.with_key(opened["token"].as_str().expect("a token"))
}

fn wish(name: &str, role: &str) -> Value {
    json!({ "existing_user": { "account": "acme", "user": format!("usr_{name}") },
        "email": format!("{name}@acme.test"), "role": role })
}

fn places(list: &Value) -> Vec<String> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or("-").to_owned();
    let items = list.as_array().expect("a list").iter();
    items
        .map(|i| format!("{} {} {}", text(i, "account"), text(i, "role"), text(i, "agency")))
        .collect()
}

#[test]
fn a_known_email_is_told_and_access_is_granted_instead() {
    let server = Server::start();
    let (acme, north) = (found(&server, "acme"), found(&server, "north"));
    member(&acme, "acme", "ann", "agent");
    let ann = json!({ "email": "Ann@acme.test", "first_name": "Other", "last_name": "Name",
        "role": "agent" });
    let known = json!({ "account": "acme", "user": "usr_ann" });
    let (status, _, refused) = north.put(&at("north", "users/usr_a"), &ann);
    assert_eq!((status, &refused["code"]), (409, &json!("existing_user")));
    assert_eq!(refused["existing_user"], known);
    assert!(!refused.to_string().contains("Lee"), "no more than that: {refused}");
    let invite = json!({ "items": [ann] });
    let invited = north.must("POST", &at("north", "invites"), &invite);
    let result = &invited["results"][0];
    assert_eq!((&result["status"], &result["error"]["existing_user"]), (&json!(409), &known));
    let other = json!({ "email": "bob@acme.test", "first_name": "B", "last_name": "C" });
    north.must("PUT", &at("north", "users/usr_bob"), &other);
    assert_eq!(north.patch(&at("north", "users/usr_bob"), &ann).2["code"], "existing_user");
    // Who may make no users learns nothing.
    let key = json!({ "name": "d", "role": "agent", "user": "usr_bob" });
    let key = north.must("POST", &at("north", "keys"), &key);
    let agent = server.with_key(key["secret"].as_str().expect("a secret"));
    assert_eq!(agent.put(&at("north", "users/usr_a"), &ann).0, 403);
    assert_eq!(agent.post(&at("north", "grants"), &wish("ann", "agent")).0, 403);

    let grants = at("north", "grants");
    let mut wrong = wish("ann", "agent");
    wrong["email"] = json!("guessed@acme.test");
    assert_eq!(north.post(&grants, &wrong).0, 404, "by the id alone nobody is found");
    assert_eq!(north.post(&grants, &wish("ann", "no_role")).0, 422);
    let (status, _, place) = north.post(&grants, &wish("ann", "supervisor"));
    assert_eq!(
        (status, &place["user"], &place["role"]),
        (201, &json!("usr_ann"), &json!("supervisor"))
    );
    assert_eq!(north.post(&grants, &wish("ann", "agent")).2["code"], "exists");
    let shown = north.must_get(&at("north", "users/usr_ann"));
    assert_eq!((&shown["first_name"], &shown["home"]), (&json!("ann"), &known));
    let deeds = north.must_get(&at("north", "audit?action=user.grant"));
    assert_eq!(deeds["items"][0]["subject"], "usr_ann");
}

#[test]
fn one_session_opens_each_account_with_its_own_role() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &[]);
    let (acme, north) = (found(&server, "acme"), found(&server, "north"));
    found(&server, "south");
    member(&acme, "acme", "ann", "agent");
    let ann = sign_in(&server, "ann");
    assert_eq!(ann.get(&at("north", "users")).0, 404);
    north.must("POST", &at("north", "grants"), &wish("ann", "supervisor"));

    let me = ann.must_get("/v1/me");
    assert_eq!(me["account"], "acme");
    assert_eq!(places(&me["accounts"]), ["acme agent -", "north supervisor -"]);
    assert_eq!(ann.must_get("/v1/me?account=north")["role"], "supervisor");
    assert_eq!(ann.get("/v1/me?account=south").0, 404);
    assert_eq!(ann.get(&at("acme", "users")).0, 403);
    assert_eq!(ann.get(&at("north", "users")).0, 200, "without signing in anew");
    assert_eq!(ann.get(&at("south", "users")).0, 404);
    let listed = ann.must_get("/v1/accounts");
    assert_eq!(listed["items"], json!([{ "id": "acme" }, { "id": "north" }]));
    // In whichever account the address is typed.
    let there = json!({ "account": "north", "email": "ann@acme.test", "password": PASSWORD });
    assert_eq!(server.with_key("").must("POST", "/v1/sessions", &there)["account"], "acme");

    server.kill();
    let server = Server::start_in(&data, &[]);
    let again = |api: &Api| Api { addr: server.api().addr, key: api.key.clone() };
    let (ann, north, acme) = (again(&ann), again(&north), again(&acme));
    assert_eq!(ann.get(&at("north", "users")).0, 200);
    let role = json!({ "role": "agent" });
    assert_eq!(north.patch(&at("north", "users/usr_ann"), &role).0, 200);
    assert_eq!(ann.get(&at("north", "users")).0, 403, "a new role counts at once");
    ann.must("PUT", &at("north", "agents/usr_ann/status"), &json!({ "status": "ready" }));

    // Taken back: sockets there end, those at home stay.
    let protocol = "callboard.desk.v1";
    let mut desk = open_at(&ann, &at("north", "agents/usr_ann/desk"), protocol).expect("open");
    let mut home = open_at(&ann, &at("acme", "agents/usr_ann/desk"), protocol).expect("open");
    home.next("the desk", |frame| frame["type"] == "state");
    assert_eq!(north.delete(&at("north", "grants/usr_ann")).0, 204);
    assert_eq!(desk.closed(), 4401);
    assert_eq!(ann.get(&at("north", "agents/usr_ann")).0, 404);
    assert_eq!(north.must_get(&at("north", "agents/usr_ann"))["status"], "offline");
    assert_eq!(ann.must_get("/v1/me")["accounts"][0]["account"], "acme");
    home.say(&json!({ "ref": 1, "status": "ready" }));
    let answer = home.next("an answer", |frame| frame["type"] == "result");
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(north.delete(&at("north", "grants/usr_none")).0, 404);

    // Given again: the same user. Who is out at home is out everywhere.
    let place = north.must("POST", &at("north", "grants"), &wish("ann", "agent"));
    assert_eq!(place["user"], "usr_ann");
    ann.must("PUT", &at("north", "agents/usr_ann/status"), &json!({ "status": "ready" }));
    let out = json!({ "state": "deactivated" });
    assert_eq!(acme.patch(&at("acme", "users/usr_ann"), &out).0, 200);
    assert_eq!(ann.get(&at("north", "agents/usr_ann")).0, 401);
    assert_eq!(north.must_get(&at("north", "agents/usr_ann"))["status"], "offline");
}

#[test]
fn what_is_the_persons_own_is_changed_at_home_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &[]);
    let (acme, north) = (found(&server, "acme"), found(&server, "north"));
    member(&acme, "acme", "ann", "agent");
    north.must("POST", &at("north", "grants"), &wish("ann", "agent"));
    let user = at("north", "users/usr_ann");
    for part in [
        json!({ "email": "a@north.test" }),
        json!({ "first_name": "Anna" }),
        json!({ "last_name": "Li" }),
        json!({ "avatar": "https://pictures.test/a.png" }),
    ] {
        let (status, _, refused) = north.patch(&user, &part);
        assert_eq!((status, &refused["code"]), (403, &json!("kept_elsewhere")), "{part}");
    }
    let password = json!({ "password": PASSWORD, "confirm": PASSWORD });
    assert_eq!(north.put(&format!("{user}/password"), &password).2["code"], "kept_elsewhere");
    assert_eq!(north.post(&format!("{user}/link"), &json!({})).0, 403);
    let elsewhere = json!({ "home": { "account": "north", "user": "usr_ann" } });
    assert_eq!(north.patch(&user, &elsewhere).0, 422);
    // The rest is the account's own; what stands fast may be left out of a PUT.
    let put = north.must("PUT", &user, &json!({ "role": "agent", "extension": "1001" }));
    assert_eq!((&put["first_name"], &put["extension"]), (&json!("ann"), &json!("1001")));
    assert_eq!(put["home"]["account"], "acme");

    let own = json!({ "first_name": "Anna", "avatar": "https://pictures.test/a.png" });
    assert_eq!(acme.patch(&at("acme", "users/usr_ann"), &own).0, 200);
    server.kill();
    let server = Server::start_in(&data, &[]);
    let again = |api: &Api| Api { addr: server.api().addr, key: api.key.clone() };
    let (north, acme) = (again(&north), again(&acme));
    let shown = north.must_get(&user);
    assert_eq!((&shown["first_name"], &shown["extension"]), (&json!("Anna"), &json!("1001")));
    assert_eq!(shown["avatar"], "https://pictures.test/a.png");
    acme.must("POST", &at("acme", "users/usr_ann/erase"), &json!({}));
    let shown = north.must_get(&user);
    assert_eq!((&shown["first_name"], &shown["email"]), (&Value::Null, &Value::Null));
    assert_eq!((&shown["state"], &shown["extension"]), (&json!("deactivated"), &json!("1001")));
}

#[test]
fn the_places_of_a_person_are_listed_to_whom_they_concern() {
    let server = Server::start();
    let (acme, north, south) =
        (found(&server, "acme"), found(&server, "north"), found(&server, "south"));
    member(&acme, "acme", "ann", "agent");
    north.must("POST", &at("north", "grants"), &wish("ann", "supervisor"));
    south.must("POST", &at("south", "grants"), &wish("ann", "call_manager"));
    let list = |api: &Api, account: &str| {
        let page = api.must_get(&at(account, "users/usr_ann/grants"));
        places(&page["items"])
    };
    let all = ["acme agent -", "north supervisor -", "south call_manager -"];
    assert_eq!(list(&acme, "acme"), all);
    assert_eq!(list(&sign_in(&server, "ann"), "acme"), all);
    assert_eq!(list(&north, "north"), ["acme agent -", "north supervisor -"]);
    assert_eq!(north.get(&at("north", "users/usr_none/grants")).0, 404);
}

#[test]
fn an_agency_is_administered_by_administrators_of_its_accounts() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &[]);
    let (acme, north) = (found(&server, "acme"), found(&server, "north"));
    found(&server, "south");
    for (name, role) in [("ann", "agent"), ("ada", "administrator")] {
        member(&acme, "acme", name, role);
    }
    let agency = "/v1/agencies/best";
    let owns = |accounts: &[&str]| json!({ "name": "Best", "accounts": accounts });
    assert_eq!(acme.put(agency, &owns(&["acme"])).0, 403);
    assert_eq!(server.put(agency, &owns(&["gone"])).0, 422);
    server.must("PUT", agency, &owns(&["north", "south"]));
    assert_eq!(server.put("/v1/agencies/b", &owns(&["south"])).2["code"], "in_another_agency");
    let one = |name: &str| format!("{agency}/administrators/acme/usr_{name}");
    // An administrator, but of none of its accounts; then an agent in one; then an administrator.
    let add = |name: &str| server.request("PUT", &one(name), &[], None);
    for name in ["ada", "ann", "none"] {
        let (status, _, refused) = add(name);
        assert_eq!((status, &refused["errors"][0]["code"]), (422, &json!("not_an_administrator")));
    }
    north.must("POST", &at("north", "grants"), &wish("ann", "agent"));
    assert_eq!(add("ann").0, 422);
    let role = json!({ "role": "administrator" });
    assert_eq!(north.patch(&at("north", "users/usr_ann"), &role).0, 200);
    let (ann, _) = (sign_in(&server, "ann"), ());
    assert_eq!(ann.get(&at("south", "users")).0, 404);
    let (status, _, made) = add("ann");
    assert_eq!((status, &made["administrators"][0]["user"]), (200, &json!("usr_ann")), "{made}");

    server.kill();
    let server = Server::start_in(&data, &[]);
    let ann = Api { addr: server.api().addr, key: ann.key };
    let me = ann.must_get("/v1/me");
    let all = ["acme agent -", "north administrator best", "south administrator best"];
    assert_eq!(places(&me["accounts"]), all);
    ann.must("PUT", &at("south", "queues/sales"), &json!({ "name": "Sales" }));
    assert_eq!(ann.get(&at("default", "queues")).0, 404);
    assert_eq!(ann.get(&at("acme", "users")).0, 403, "at home what the role there may");
    let deeds = ann.must_get(&at("south", "audit"));
    assert_eq!(deeds["items"][0]["by"], "acme/usr_ann", "{deeds}");
    assert_eq!(ann.must_get("/v1/agencies")["items"][0]["id"], "best");
    // She may have others administer it, by the same rule.
    assert_eq!(ann.request("PUT", &one("ada"), &[], None).0, 422);
    server.must("PUT", agency, &owns(&["acme", "north", "south"]));
    assert_eq!(ann.request("PUT", &one("ada"), &[], None).0, 200);
    let (ada, ann_again) = (sign_in(&server, "ada"), sign_in(&server, "ann"));
    assert_eq!(ada.get(&at("south", "queues")).0, 200);
    // A role of her own there stays what it is; the agency's comes on top.
    let agent = json!({ "role": "agent" });
    assert_eq!(ada.patch(&at("north", "users/usr_ann"), &agent).0, 200);
    assert_eq!(ann_again.get(&at("north", "users")).0, 200);

    // An account that goes, and an administrator who does: at once, open sockets too.
    let feed = |api: &Api| open_at(api, &at("south", "feed"), "callboard.feed.v1");
    let mut open = feed(&ada).expect("open");
    server.must("PUT", agency, &owns(&["acme", "north"]));
    assert_eq!(open.closed(), 4401);
    assert_eq!(ada.get(&at("south", "queues")).0, 404);
    server.must("PUT", agency, &owns(&["acme", "north", "south"]));
    let mut open = feed(&ann).expect("open");
    assert_eq!(ada.delete(&one("ann")).0, 204);
    assert_eq!(open.closed(), 4401);
    assert_eq!(ann.get(&at("south", "queues")).0, 404);
    assert_eq!(ann.get(&at("north", "users")).0, 403);
    assert_eq!(ann.get("/v1/me").0, 200);
    assert_eq!(ann.delete(&one("ada")).0, 403);
    let told = server.must_get(&at("default", "audit?action=agency"));
    assert_eq!(told["items"].as_array().map(Vec::len), Some(5), "{told:#}");
}
