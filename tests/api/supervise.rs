//! Supervisors on calls: who may, whom the switch is told to ring, and when it ends.

use crate::rights::user;
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

/// A floor with one switch, as that switch.
struct Floor {
    server: Server,
    edge: Api,
}

impl Floor {
    fn new(capabilities: &Value) -> Floor {
        let server = Server::start();
        let body = json!({ "name": "Edge", "capabilities": capabilities });
        server.must("PUT", &at("switches/edge"), &body);
        let edge = server.client(json!({ "name": "edge", "role": "switch", "switch": "edge" }));
        Floor { server, edge }
    }

    /// A user who works, with a phone.
    fn agent(&self, id: &str, role: &str, extension: &str) {
        let body = json!({ "first_name": id, "last_name": "Lee", "role": role,
            "endpoint": format!("sip:{id}@127.0.0.1"), "extension": extension,
            "assignment": if role.starts_with("team_") { "pending" } else { "active" } });
        self.server.must("PUT", &at(&format!("users/{id}")), &body);
        self.server.must("PUT", &at(&format!("teams/t/members/{id}")), &json!({}));
        self.server.patch(&at(&format!("users/{id}")), &json!({ "assignment": "active" }));
        let ready = json!({ "status": "ready" });
        self.server.must("PUT", &at(&format!("agents/{id}/status")), &ready);
    }

    /// Signs in as a new user of a role, in the team, with a phone.
    fn supervisor(&self, id: &str, role: &str) -> Api {
        let api = user(&self.server, id, role);
        self.server.must("PUT", &at(&format!("teams/t/members/{id}")), &json!({}));
        let phone = json!({ "endpoint": format!("sip:{id}@127.0.0.1") });
        assert_eq!(self.server.patch(&at(&format!("users/{id}")), &phone).0, 200);
        api
    }

    fn says(&self, call: &str, nth: &str, kind: &str, data: Value) -> Value {
        let event = json!({ "specversion": "1.0", "id": format!("{call} {nth}"), "source": "edge",
            "type": kind, "subject": call, "data": data });
        self.edge.must("POST", &at("events"), &event)
    }

    /// A direct call that has been answered.
    fn talk(&self, extension: &str) -> String {
        let answer = self.says(extension, "1", "call.arrived", json!({ "to": extension }));
        let ring = &answer["commands"].as_array().expect("commands");
        let ring = ring.iter().rfind(|c| c["type"] == "offer.ring").expect("a ring").clone();
        self.says(extension, "2", "offer.answered", json!({ "offer": ring["offer"] }));
        ring["call_id"].as_str().expect("an id").to_owned()
    }

    /// The last command about supervising, and how many there were.
    fn told(&self) -> (Value, usize) {
        let all = self.edge.must_get(&at("switches/edge/commands"));
        let all = all["commands"].as_array().expect("commands").clone();
        let mut of: Vec<_> = all.into_iter().filter(|c| c["type"] == "call.supervise").collect();
        let count = of.len();
        (of.pop().unwrap_or_default(), count)
    }
}

fn supervise(by: &Api, call: &str, mode: &str) -> (u16, Value) {
    let answer = by.post(&at(&format!("calls/{call}/supervise")), &json!({ "mode": mode }));
    (answer.0, answer.2)
}

/// The matrix of the seeds (S2-09 … S2-13), row by row: who, and whom.
const ROLES: [&str; 5] = [
    "customer_service",
    "team_supervisor",
    "team_leader",
    "call_center_supervisor",
    "call_center_manager",
];
const MAY: [[bool; 5]; 5] = [
    [false; 5],
    [true, false, false, false, false],
    [true, true, true, false, false],
    [true, false, false, false, false],
    [true; 5],
];

#[test]
fn every_cell_of_the_matrix_at_the_endpoint() {
    let floor = Floor::new(&json!({}));
    floor.server.must("PUT", &at("teams/t"), &json!({ "name": "T" }));
    let calls: Vec<String> = (0..5)
        .map(|nth| {
            let extension = format!("100{nth}");
            floor.agent(&format!("usr_target{nth}"), ROLES[nth], &extension);
            floor.talk(&extension)
        })
        .collect();
    let mut seen = BTreeMap::new();
    for (row, role) in ROLES.iter().enumerate() {
        let by = floor.supervisor(&format!("usr_by{row}"), role);
        for (column, call) in calls.iter().enumerate() {
            let (status, answer) = supervise(&by, call, "monitor");
            let what = format!("{role} listens to {}: {answer}", ROLES[column]);
            let wanted = if MAY[row][column] { 202 } else { 403 };
            assert_eq!(status, wanted, "{what}");
            if status == 403 {
                assert_eq!(answer["code"], "forbidden", "{what}");
                assert!(answer["detail"].as_str().expect("text").contains("monitor"), "{what}");
            } else {
                let told = floor.told().0;
                assert_eq!(told["supervisor"], format!("usr_by{row}"), "{what}");
                assert_eq!(told["call_id"], json!(call), "{what}");
            }
            *seen.entry(status).or_insert(0) += 1;
        }
    }
    assert_eq!(seen, BTreeMap::from([(202, 10), (403, 15)]));
    // Whose team one is not in is out of sight, or at least out of reach.
    assert_eq!(floor.server.delete(&at("teams/t/members/usr_target0")).0, 204);
    let stranger = floor.server.must(
        "POST",
        "/v1/sessions",
        &json!({
        "email": "usr_by2@acme.test", "password": "correct horse" }),
    );
    let leader = floor.server.with_key(stranger["token"].as_str().expect("a token"));
    assert_eq!(supervise(&leader, &calls[0], "whisper").0, 404);
}

#[test]
fn nobody_supervises_themselves_nor_a_call_that_is_nobodys() {
    let floor = Floor::new(&json!({}));
    floor.server.must("PUT", &at("teams/t"), &json!({ "name": "T" }));
    floor.agent("usr_ann", "agent", "1001");
    let sue = floor.supervisor("usr_sue", "call_center_manager");
    let patch = json!({ "extension": "1002" });
    assert_eq!(floor.server.patch(&at("users/usr_sue"), &patch).0, 200);
    sue.must("PUT", &at("agents/usr_sue/status"), &json!({ "status": "online" }));
    let own = floor.talk("1002");
    assert_eq!(supervise(&sue, &own, "monitor").0, 403, "X6");
    let waiting = floor.says("1001", "1", "call.arrived", json!({ "to": "1001" }));
    let waiting = waiting["results"][0]["call_id"].as_str().expect("an id").to_owned();
    let (status, answer) = supervise(&sue, &waiting, "barge");
    assert_eq!((status, &answer["code"]), (409, &json!("not_connected")));
    let (status, answer) = supervise(&sue, &waiting, "none");
    assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/mode")));
    let gone = "cal_00000000000000000000000000";
    assert_eq!(supervise(&sue, gone, "monitor").0, 404);
    assert_eq!(sue.delete(&at(&format!("calls/{waiting}/supervise"))).0, 404);
    // A key is nobody whose phone could ring.
    let ann = floor.talk_again("1001", &waiting);
    let (status, answer) = supervise(&floor.server, &ann, "monitor");
    assert_eq!((status, &answer["code"]), (409, &json!("no_way_to_ring")));
}

impl Floor {
    /// The ringing call is answered.
    fn talk_again(&self, subject: &str, call: &str) -> String {
        let shown = self.server.must_get(&at(&format!("calls/{call}")));
        let offer = &shown["offers"][0]["id"];
        self.says(subject, "2", "offer.answered", json!({ "offer": offer }));
        call.to_owned()
    }
}

#[test]
fn a_switch_without_the_capability_is_not_asked() {
    let floor = Floor::new(&json!({ "supervise": false }));
    floor.server.must("PUT", &at("teams/t"), &json!({ "name": "T" }));
    floor.agent("usr_ann", "agent", "1001");
    let call = floor.talk("1001");
    let sue = floor.supervisor("usr_sue", "supervisor");
    let (status, answer) = supervise(&sue, &call, "monitor");
    assert_eq!((status, &answer["code"]), (409, &json!("unsupported")));
    assert!(answer["detail"].as_str().expect("text").contains("supervise"), "{answer}");
    assert_eq!(floor.told().1, 0);
}

#[test]
fn the_switch_is_told_each_mode_and_the_end() {
    let floor = Floor::new(&json!({}));
    floor.server.must("PUT", &at("teams/t"), &json!({ "name": "T" }));
    floor.agent("usr_ann", "agent", "1001");
    let call = floor.talk("1001");
    let sue = floor.supervisor("usr_sue", "supervisor");
    for (nth, mode) in ["monitor", "whisper", "whisper", "barge"].into_iter().enumerate() {
        let (status, answer) = supervise(&sue, &call, mode);
        assert_eq!(status, 202, "{answer}");
        let here = &answer["supervisors"][0];
        assert_eq!((&here["user"], &here["mode"]), (&json!("usr_sue"), &json!(mode)));
        let (told, count) = floor.told();
        assert_eq!(told["endpoint"], "sip:usr_sue@127.0.0.1");
        assert_eq!(told["mode"], mode);
        // What is so already is not asked for again.
        assert_eq!(count, [1, 2, 2, 3][nth], "{mode}");
    }
    // It is shown to who may monitor, and to nobody else: not to the agent.
    let shown = |by: &Api| by.must_get(&at(&format!("calls/{call}")))["supervisors"].clone();
    let ann = floor.server.client(json!({ "name": "a", "role": "agent", "user": "usr_ann" }));
    assert_eq!((shown(&sue)[0]["mode"].clone(), shown(&ann)), (json!("barge"), json!([])));
    let end = at(&format!("calls/{call}/supervise"));
    assert_eq!(sue.delete(&end).0, 202);
    assert_eq!(floor.told().0["mode"], "none");
    assert_eq!(sue.delete(&end).0, 404);
    // Whose phone is not reached, and who hangs up, is on no call.
    supervise(&sue, &call, "monitor");
    let failed = json!({ "command": floor.told().0["id"], "reason": "not_applicable" });
    floor.says("1001", "3", "command.failed", failed);
    assert_eq!(shown(&sue), json!([]));
    supervise(&sue, &call, "monitor");
    let before = floor.told().1;
    floor.says("1001", "4", "call.left", json!({ "agent": "usr_sue" }));
    assert_eq!((shown(&sue), floor.told().1), (json!([]), before));

    let story = sue.must_get(&at(&format!("calls/{call}/trace")));
    let items = story["items"].as_array().expect("items");
    let asked: Vec<_> = items.iter().filter(|i| i["type"] == "supervise_asked").collect();
    assert_eq!((asked.len(), &asked[1]["mode"]), (5, &json!("whisper")), "{story}");
    assert_eq!(asked[0]["agent"], "usr_sue", "{story}");
    assert!(items.iter().any(|i| i["type"] == "supervise_ended"), "{story}");
    let audit = floor.server.must_get(&at(&format!("audit?subject={call}")));
    let actions: Vec<_> =
        audit["items"].as_array().expect("items").iter().map(|i| i["action"].clone()).collect();
    let wanted = ["monitor", "monitor", "none", "barge", "whisper", "monitor"];
    assert_eq!(actions, wanted.map(|mode| json!(format!("call.supervise.{mode}"))));
}

#[test]
fn a_call_in_other_hands_is_heard_by_nobody() {
    let floor = Floor::new(&json!({}));
    floor.server.must("PUT", &at("teams/t"), &json!({ "name": "T" }));
    floor.agent("usr_ann", "agent", "1001");
    floor.agent("usr_max", "manager", "1002");
    let sue = floor.supervisor("usr_sue", "supervisor");
    let call = floor.talk("1001");
    let shown = || floor.server.must_get(&at(&format!("calls/{call}")));
    supervise(&sue, &call, "monitor");
    let to = |user: &str| json!({ "to": { "agent": user }, "kind": "attended" });
    floor.says("1001", "3", "call.transferred", to("usr_max"));
    let told = floor.told().0;
    assert_eq!((&told["supervisor"], &told["mode"]), (&json!("usr_sue"), &json!("none")));
    assert_eq!(supervise(&sue, &call, "monitor").0, 403, "nor comes back, to a manager");
    floor.says("1001", "4", "call.transferred", to("usr_ann"));
    assert_eq!(supervise(&sue, &call, "take_over").0, 202);
    assert_eq!(floor.told().0["mode"], "take_over");
    let before = floor.told().1;
    floor.says("1001", "5", "call.transferred", to("usr_sue"));
    assert_eq!((shown()["agent"].clone(), floor.told().1), (json!("usr_sue"), before));
    assert_eq!(shown()["supervisors"], json!([]));
    let agent = |user: &str| floor.server.must_get(&at(&format!("agents/{user}")));
    assert_eq!(agent("usr_ann")["detail"], "idle");
    assert_eq!(agent("usr_sue")["work"]["voice"]["used"], 1);
}
