//! The steps of the handbook: a backup under load, put into an empty folder, checked, started.

use crate::support::{Server, until};
use crate::{BASE, arrival, furnish, knows};
use callboard::domain::ids::CallId;
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

fn callboard(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callboard")).args(arguments).output().expect("it runs")
}

fn must(arguments: &[&str]) -> String {
    let output = callboard(arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said} {:?}", output.stderr);
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn epoch(verified: &str) -> &str {
    let line = verified.lines().find(|line| line.starts_with("epoch ")).expect("an epoch");
    line.split([' ', ',']).nth(1).expect("its name")
}

/// Of the first of January 2026.
const OLD_CALL: &str = "cal_01KDWPVNG00000000000000000";

/// Adds a call that is older than all records; answers how many there were.
fn history_with_an_old_call(file: &Path) -> u64 {
    let db = rusqlite::Connection::open(file).expect("a history");
    let calls: i64 = db
        .query_row("SELECT count(*) FROM history_call", [], |row| row.get(0))
        .expect("a restored history");
    let id = CallId::parse(OLD_CALL).expect("a call's id");
    db.execute(
        "INSERT INTO history_call SELECT stream, ?1, 1, outcome, reason, media, number, skills, callback, of
         FROM history_call LIMIT 1",
        [i64::try_from(id.0).expect("a number")],
    )
    .expect("written");
    u64::try_from(calls).expect("a count")
}

#[test]
fn a_backup_under_load_is_restored_checked_and_started() {
    let mut server = Server::start();
    furnish(&server, &["usr_ann", "usr_bob"]);
    let pause = json!({ "status": "on_break" });
    server.must("PUT", &format!("{BASE}/agents/usr_bob/status"), &pause);
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = {
        let (api, stop, taken) = (server.api().clone(), Arc::clone(&stop), Arc::clone(&taken));
        thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let number = taken.load(Ordering::SeqCst);
                api.must("POST", &format!("{BASE}/events"), &arrival(&format!("c{number}")));
                taken.store(number + 1, Ordering::SeqCst);
            }
        })
    };
    until("some load", || (taken.load(Ordering::SeqCst) >= 20).then_some(()));
    let before = taken.load(Ordering::SeqCst);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, data) = (folder.path().join("copy.db"), folder.path().join("restored"));
    // Whoever asks has what was counted until then in the history.
    server.must_get(&format!("{BASE}/history/calls"));
    must(&["backup", text(server.data()), text(&file)]);
    until("more load", || (taken.load(Ordering::SeqCst) >= before + 20).then_some(()));
    stop.store(true, Ordering::SeqCst);
    load.join().expect("the load");
    let key = server.data().join("owner.key");
    let verified = must(&["verify", text(&file)]);
    assert!(verified.ends_with("sound\n"), "{verified}");

    must(&["restore", text(&file), text(&data)]);
    let again = callboard(&["restore", text(&file), text(&data)]);
    assert_eq!(again.status.code(), Some(1), "a folder with a journal is left alone");
    let broken = folder.path().join("broken.db");
    std::fs::write(&broken, b"no copy").expect("written");
    let none = folder.path().join("none");
    assert_eq!(callboard(&["restore", text(&broken), text(&none)]).status.code(), Some(1));
    let verified = must(&["verify", text(&data)]);
    assert!(verified.ends_with("sound\n"), "{verified}");
    let old_epoch = epoch(&verified).to_owned();

    let calls = history_with_an_old_call(&data.join("history.db"));
    assert!(calls >= before, "{calls} of {before} calls");

    // The key's text is in no journal: it is kept where the operator keeps it.
    std::fs::copy(&key, data.join("owner.key")).expect("copied");
    server.stop();
    let mut restored = Server::start_in(&data, &[]);
    for number in 0..before {
        assert!(knows(&restored, &format!("c{number}")), "{number} of {before} before the copy");
    }
    let old = restored.must_get(&format!("{BASE}/history/calls?from=2026-01-01&to=2026-01-02"));
    assert_eq!(old["items"][0]["id"], OLD_CALL, "what no record tells any more stays: {old:#}");
    let bob = restored.must_get(&format!("{BASE}/agents/usr_bob"));
    assert_eq!(bob["status"], "on_break", "{bob}");
    restored.must("POST", &format!("{BASE}/events"), &arrival("after"));
    assert!(knows(&restored, "after"));
    assert!(restored.log().contains("restored from a copy"), "{}", restored.log());
    assert!(restored.stop().success());
    let verified = must(&["verify", text(&data)]);
    assert!(verified.ends_with("sound\n"), "{verified}");
    assert_ne!(epoch(&verified), old_epoch, "resumes of another past are told apart");
}
