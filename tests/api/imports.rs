//! Users from files: checked, run, taken back; and files that would rather not be opened.

use crate::support::{Answer, Server};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Instant;

const CSV: &str = "text/csv";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const XLS: &str = "application/vnd.ms-excel";

fn at(path: &str) -> String {
    format!("/v1/accounts/default/{path}")
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/imports");
    fs::read(folder.join(name)).expect("a fixture")
}

fn import(server: &Server, query: &str, kind: &str, bytes: &[u8]) -> Answer {
    let headers = [("content-type", kind)];
    server
        .try_request("POST", &at(&format!("imports{query}")), &headers, Some(bytes))
        .expect("an answer")
}

/// A row, what became of it, and (column, code) of each wrong cell.
type Told = (u64, String, Vec<(String, String)>);

fn rows(report: &Value) -> Vec<Told> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let cells = |row: &Value| {
        let errors = row["errors"].as_array().expect("errors").iter();
        errors.map(|e| (text(&e["column"]), text(&e["code"]))).collect()
    };
    let results = report["results"].as_array().expect("results").iter();
    results.map(|r| (r["row"].as_u64().expect("a row"), text(&r["change"]), cells(r))).collect()
}

fn users(server: &Server) -> Vec<Value> {
    server.must_get(&at("users?limit=1000"))["items"].as_array().expect("items").clone()
}

fn cell(column: &str, code: &str) -> (String, String) {
    (column.to_owned(), code.to_owned())
}

#[test]
fn every_format_is_checked_and_run_with_a_report_per_row() {
    for (kind, name) in [(XLSX, "people.xlsx"), (XLS, "people.xls")] {
        let server = Server::start();
        server.must("PUT", &at("skills/spanish"), &json!({ "name": "Spanish" }));
        let wanted = [
            (2, "made".to_owned(), Vec::new()),
            (3, "made".to_owned(), Vec::new()),
            (4, "refused".to_owned(), vec![cell("E", "unknown_reference"), cell("D", "taken")]),
        ];
        let (status, _, report) = import(&server, "?dry_run=true", kind, &fixture(name));
        assert_eq!((status, rows(&report)), (207, wanted.to_vec()), "{name}: {report:#}");
        assert_eq!((&report["import"], users(&server).len()), (&Value::Null, 0), "a check only");
        let (_, _, report) = import(&server, "?role=report_manager", kind, &fixture(name));
        assert_eq!(rows(&report), wanted, "{name}");
        let ann = &server.must_get(&at("users?text=ann@acme"))["items"][0];
        assert_eq!(
            (&ann["extension"], &ann["skills"], &ann["role"], &ann["state"]),
            (&json!("1001"), &json!({ "spanish": 80 }), &json!("report_manager"), &json!("active"))
        );
        // Once more: they are there, and so already.
        let (_, _, report) = import(&server, "", kind, &fixture(name));
        assert_eq!((&report["unchanged"], &report["import"]), (&json!(2), &Value::Null));
    }
}

#[test]
fn what_a_file_did_is_taken_back_and_nothing_else() {
    let server = Server::start();
    let old = json!({ "first_name": "Old", "last_name": "Hand", "email": "old@acme.test",
        "extension": "1000", "role": "supervisor" });
    server.must("PUT", &at("users/usr_old"), &old);
    let two = json!({ "first_name": "Two", "last_name": "Hand", "email": "two@acme.test" });
    server.must("PUT", &at("users/usr_two"), &two);
    let before = users(&server);
    let file = "id;email;first name;last name;extension\n\
                usr_old;;Older;;1005\n;two@acme.test;Too;;\n\
                ;new@acme.test;New;One;1006\n;gone@acme.test;Gone;One;1007\n";
    let (status, _, report) = import(&server, "", CSV, file.as_bytes());
    assert_eq!(
        (status, &report["made"], &report["changed"]),
        (200, &json!(2), &json!(2)),
        "{report}"
    );
    let deed = &server.must_get(&at("audit?limit=1"))["items"][0];
    assert_eq!((&deed["action"], &deed["subject"]), (&json!("users.import"), &json!("4 rows")));
    let id = report["import"].as_str().expect("an id").to_owned();
    // It is known after a restart.
    let (data, mut server) = (server.data().to_owned(), server);
    server.kill();
    let server = Server::start_in(&data, &[]);
    let listed = &server.must_get(&at("imports"))["items"][0];
    assert_eq!((&listed["id"], &listed["made"]), (&json!(id), &json!(2)));
    let shown = server.must_get(&at(&format!("imports/{id}")));
    assert_eq!(
        shown["changed"][0],
        json!({ "id": "usr_old", "fields": ["extension", "first_name"] })
    );
    // Since then somebody has changed a field, and one of the new users.
    server.patch(&at("users/usr_old"), &json!({ "extension": "1008" }));
    let new = report["results"][2]["id"].as_str().expect("an id");
    server.patch(&at(&format!("users/{new}")), &json!({ "extension": "1009" }));
    let (status, _, undone) = server.post(&at(&format!("imports/{id}/undo")), &json!({}));
    assert_eq!(status, 207, "{undone}");
    let told: Vec<(&str, &Value)> = undone["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|r| (r["undone"].as_str().expect("a word"), &r["kept"]))
        .collect();
    let none = json!([]);
    assert_eq!(
        told,
        [
            ("kept", &none),
            ("erased", &none),
            ("restored", &json!(["extension"])),
            ("restored", &none)
        ]
    );
    assert_eq!(undone["results"][0]["error"]["code"], "changed_since");
    let after = server.must_get(&at("users/usr_old"));
    assert_eq!((&after["first_name"], &after["extension"]), (&json!("Old"), &json!("1008")));
    assert_eq!(server.must_get(&at("users/usr_two")), before[1]);
    let gone = server.must_get(&at("users?archived=true"));
    assert_eq!(
        (&gone["items"][0]["email"], gone["items"].as_array().map(Vec::len)),
        (&Value::Null, Some(1))
    );
    let again = server.post(&at(&format!("imports/{id}/undo")), &json!({}));
    assert_eq!((again.0, &again.2["code"]), (409, &json!("undone")));
    assert_eq!(server.post(&at("imports/imp_0/undo"), &json!({})).0, 404);
}

#[test]
fn who_is_new_may_be_invited_from_a_column_of_addresses() {
    let server = Server::start();
    let file = b"ann.lee@acme.test\nbob@acme.test\nme@gmail.com\nnonsense\nbob@acme.test\n";
    let (status, _, report) = import(&server, "?invite=true", CSV, file);
    let wanted = [
        (1, "made".to_owned(), Vec::new()),
        (2, "made".to_owned(), Vec::new()),
        (3, "refused".to_owned(), vec![cell("A", "personal_email_domain")]),
    ];
    assert_eq!((status, &rows(&report)[..3]), (207, &wanted[..]), "{report:#}");
    assert_eq!(rows(&report)[4].2, [cell("A", "duplicate")], "{report:#}");
    let link = report["results"][0]["link"].as_str().expect("a link");
    let ann = &server.must_get(&at("users?text=ann"))["items"][0];
    assert_eq!(
        (&ann["first_name"], &ann["last_name"], &ann["state"]),
        (&json!("Ann"), &json!("Lee"), &json!("invited"))
    );
    let used = server.post(
        "/v1/links/use",
        &json!({ "link": link, "password": "correct horse", "confirm": "correct horse" }),
    );
    assert!(used.0 < 300 || used.0 == 404, "{}", used.2);
}

#[test]
fn ten_thousand_rows_take_seconds_and_hostile_files_nothing() {
    let server = Server::start();
    let head = "email,first name,last name,extension\n".to_owned();
    let rows: String =
        (0..9_000).map(|i| format!("user{i}@acme.test,User,Number {i},{}\n", 1_000 + i)).collect();
    let began = Instant::now();
    let (status, _, report) = import(&server, "", CSV, (head + &rows).as_bytes());
    assert_eq!((status, &report["made"]), (200, &json!(9_000)), "{}", report["results"][0]);
    let took = began.elapsed();
    assert!(took.as_secs() < 20, "{took:?}, without optimisation");
    for (kind, name) in [
        (XLSX, "bomb.xlsx"),
        (XLSX, "far.xlsx"),
        (XLS, "far.xls"),
        (XLS, "claims.xls"),
        (XLS, "elsewhere.xls"),
        (XLSX, "people.xls"),
        (XLS, "people.xlsx"),
    ] {
        let (status, _, problem) = import(&server, "", kind, &fixture(name));
        assert_eq!(
            (status, &problem["code"]),
            (422, &json!("unreadable_file")),
            "{name}: {problem}"
        );
    }
    let memory = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a process");
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(peak < 700_000, "{peak} kB");
    let (status, _, problem) = import(&server, "", "application/pdf", b"%PDF");
    assert_eq!((status, &problem["code"]), (415, &json!("unsupported_media_type")));
    let (status, _, problem) = import(&server, "", CSV, &vec![b'a'; 10 * 1024 * 1024 + 1]);
    assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")));
    let (status, _, problem) = import(&server, "", CSV, b"email,frist_name\n");
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/rows/1/B")), "{problem}");
    let (_, _, report) = import(&server, "", CSV, b"email,may_opt\na@b.test,perhaps\n");
    assert_eq!(
        (&report["refused"], &report["results"][0]["errors"][0]["column"]),
        (&json!(1), &json!("B"))
    );
}
