//! Many accounts on one node, apart from each other.

use crate::support::Server;
use serde_json::{Value, json};

#[test]
fn accounts_are_made_by_the_nodes_owners_and_know_nothing_of_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &[]);
    let made = server.must("POST", "/v1/accounts", &json!({ "id": "acme" }));
    let secret = made["owner_key"]["secret"].as_str().expect("a secret");
    let acme = server.with_key(secret);
    let ids = |page: Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items");
        items.iter().map(|item| item["id"].as_str().unwrap_or("").to_owned()).collect()
    };
    assert_eq!(ids(server.must_get("/v1/accounts")), ["acme", "default"]);
    assert_eq!(ids(acme.must_get("/v1/accounts")), ["acme"]);
    assert_eq!(server.post("/v1/accounts", &json!({ "id": "acme" })).2["code"], "exists");
    assert_eq!(server.post("/v1/accounts", &json!({ "id": "No Id" })).0, 422);
    assert_eq!(acme.post("/v1/accounts", &json!({ "id": "more" })).0, 403);
    let narrow = server.client(json!({ "name": "n", "role": "owner", "scopes": ["integrations"] }));
    assert_eq!(narrow.post("/v1/accounts", &json!({ "id": "more" })).0, 403);

    let ann = json!({ "first_name": "Ann", "last_name": "Lee", "email": "ann@acme.test" });
    acme.must("PUT", "/v1/accounts/acme/users/usr_ann", &ann);
    assert_eq!(acme.get("/v1/accounts/default/users").0, 404);
    assert_eq!(server.get("/v1/accounts/acme/users").0, 404);
    let password = json!({ "password": "correct horse", "confirm": "correct horse" });
    assert_eq!(acme.put("/v1/accounts/acme/users/usr_ann/password", &password).0, 204);

    server.kill();
    let server = Server::start_in(&data, &[]);
    let nobody = server.with_key("");
    let sign_in = |account: &str| {
        let body =
            json!({ "account": account, "email": "ann@acme.test", "password": "correct horse" });
        nobody.post("/v1/sessions", &body)
    };
    assert_eq!(sign_in("default").0, 401);
    let (status, _, opened) = sign_in("acme");
    assert_eq!((status, &opened["account"]), (201, &json!("acme")), "{opened:#}");
    let ann = server.with_key(opened["token"].as_str().expect("a token"));
    assert_eq!(ann.must_get("/v1/me")["account"], "acme");
    assert_eq!(ids(ann.must_get("/v1/accounts")), ["acme"]);
}
