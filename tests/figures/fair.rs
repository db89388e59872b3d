//! How offers are shared out, counted by hand: now, and of the past.

use super::Told;
use super::kept::{Kept, wish};
use callboard::domain::event::Event;
use callboard::domain::ids::{AgentIx, Name};
use callboard::domain::time::Millis;
use callboard::reporting::figures::{
    Among, By, FIGURES, Facts, Seen, Threshold, Window, Wish, gini, place,
};
use callboard::reporting::history::Across;
use callboard::reporting::history::fairness::Among as Past;
use callboard::sim::scenario::START;

/// Ann is rung three times, Bob once; Cid could be and never is, Dan is opted out, Eve is away, and
/// Fay is on a break.
const STORY: &str = "switch s1
agent ann
agent bob
agent cid
agent dan
agent eve
agent fay
queue v strategy=sequential total_ms=60000 wrap_up.ms=0
queue w strategy=sequential total_ms=60000 wrap_up.ms=0
member v ann position=1
member v bob position=2
member v cid position=3
member v dan position=4
member v eve position=5
member v fay position=6
member w ann
status ann ready
status bob ready
status cid ready
status dan ready
opt dan v out
status fay on_break
at 10s
call c1 to v
at 12s
answered c1 ann
at 14s
call c2 to v
at 15s
answered c2 bob
at 20s
ended c1 caller
at 21s
call c3 to v
at 22s
answered c3 ann
at 23s
ended c3 caller
at 24s
call c4 to v
at 25s
answered c4 ann
at 26s
ended c4 caller
at 30s
call c5 to w
at 31s
answered c5 ann
at 32s
ended c5 caller
ended c2 caller
at 60s";

fn number(facts: &Facts, name: &str) -> Option<i64> {
    FIGURES.iter().find(|figure| figure.name == name).expect("a figure").number(facts)
}

#[test]
fn shares_and_gini_count_who_could_be_rung_and_nobody_else() {
    let mut told = Told::new();
    STORY.lines().for_each(|line| told.line(line));
    let window = (START, told.now());
    let facts = told.figures.facts((By::Queue, "v"), window, Threshold::DEFAULT).expect("v");
    let mut spread = facts.present.spread.clone();
    spread.sort_unstable();
    assert_eq!(spread, [0, 1, 3], "Cid counts with none; Dan, Eve and Fay could not be rung");
    // (1−3)·0 + (3−… : Σ(2i−n−1)x = 0·1 + 2·3 = 6; n Σx = 3·4 = 12.
    assert_eq!(number(&facts, "offers_gini"), Some(5_000));
    let of_w = told.figures.facts((By::Queue, "w"), window, Threshold::DEFAULT).expect("w");
    assert_eq!(number(&of_w, "offers_gini"), Some(0), "one has them all, and is all there are");

    let share = |id: &str, among: Option<Among>| {
        let figures = place("offer_share").map(|place| [place].into());
        let (ids, thresholds) = (None, Vec::new());
        let wish = Wish {
            by: By::Agent,
            window: Window::Quarter,
            threshold: Threshold::DEFAULT,
            ids,
            figures,
            thresholds,
            among,
        };
        let ids = wish.subjects(&told.figures, &"default".into(), &Seen::All, told.now());
        let items = wish.items(&told.figures, ids, told.now());
        let found = items.iter().find(|(of, _)| **of == *id);
        found.map(|(_, item)| item["figures"]["offer_share"].to_string())
    };
    let v = || Some(Among::Queue("v".into()));
    let shares = ["usr_ann", "usr_bob", "usr_cid", "usr_dan"].map(|id| share(id, v()));
    assert_eq!(shares, [Some("0.75".into()), Some("0.25".into()), Some("0.0".into()), None]);
    assert_eq!(share("usr_ann", None), Some("0.8".into()), "four of five of the account");
    assert_eq!(share("usr_eve", None), Some("0.0".into()));
}

#[test]
fn who_joins_leaves_or_opts_in_counts_from_then_on() {
    let mut told = Told::new();
    STORY.lines().for_each(|line| told.line(line));
    let spread = |told: &Told| {
        let window = (Millis(START.0 + 60_000), told.now());
        let facts = told.figures.facts((By::Queue, "v"), window, Threshold::DEFAULT).expect("v");
        facts.present.spread.len()
    };
    told.line("at 90s");
    assert_eq!(spread(&told), 3, "Ann, Bob and Cid are idle");
    told.line("opt dan v in");
    told.line("at 91s");
    assert_eq!(spread(&told), 4);
    told.line("remove v cid");
    assert_eq!(spread(&told), 3);
    told.line("status bob offline");
    told.line("at 95s");
    assert_eq!(spread(&told), 3, "Bob was idle in the window");
    let next = (Millis(START.0 + 120_000), Millis(START.0 + 121_000));
    let facts = told.figures.facts((By::Queue, "v"), next, Threshold::DEFAULT).expect("v");
    assert_eq!(facts.present.spread.len(), 2, "Bob was not idle in this one");
}

#[test]
fn members_are_told_by_presence() {
    let mut told = Told::new();
    STORY.lines().for_each(|line| told.line(line));
    told.line("call c6 to v");
    told.line("at 61s");
    told.line("answered c6 ann");
    let facts = |by, id: &str| {
        told.figures.facts((by, id), (START, told.now()), Threshold::DEFAULT).expect("somebody")
    };
    let shown = |facts: &Facts| {
        ["available", "busy", "opted_out", "offline"]
            .map(|word| number(facts, &format!("agents_{word}")).expect("a count"))
    };
    // Ann works for v: that is green there, and red in w.
    assert_eq!(shown(&facts(By::Queue, "v")), [3, 1, 1, 1]);
    assert_eq!(shown(&facts(By::Queue, "w")), [0, 1, 0, 0]);
    assert_eq!(shown(&facts(By::Account, "default")), [3, 1, 1, 1]);
    assert_eq!(number(&facts(By::Queue, "v"), "agents_logged_in"), Some(5));
    assert_eq!(number(&facts(By::Queue, "v"), "agents_working"), Some(1));
}

#[test]
fn the_history_shares_out_by_the_same_rule() {
    let mut kept = Kept::new();
    STORY.lines().for_each(|line| kept.line(line));
    kept.line("at 400s");
    kept.line("status bob offline");
    kept.line("at 700s");
    kept.line("call c7 to v");
    kept.line("at 701s");
    kept.write();
    let five = |n: i64| Millis(START.0 + n * 300_000);
    let edges: Vec<Millis> = (0..4).map(five).collect();
    let look = kept.look();
    let spread = look.spread(Across::Queue, "v", &edges, None).expect("read");
    let sorted = spread.into_iter().map(|mut of| {
        of.sort_unstable();
        of
    });
    let sorted: Vec<Vec<i64>> = sorted.collect();
    assert_eq!(sorted, [vec![0, 1, 3], vec![0, 0, 0], vec![0, 1]], "Bob is gone in the third");
    assert_eq!(
        sorted.iter().map(|of| gini(of)).collect::<Vec<_>>(),
        [Some(5_000), None, Some(5_000)]
    );

    let shares = look.shares(&Past::Queue(Across::Queue, "v".into()), &edges, None).expect("read");
    let ann = [0, 1, 2].map(|at| shares.of("usr_ann", at, 9));
    assert_eq!(ann, [(3, 4), (0, 0), (1, 1)], "of v alone");
    assert!(shares.has("usr_cid") && !shares.has("usr_eve_who_is_nobody"));
    let all = look.shares(&Past::All, &edges, None).expect("read");
    let told = look.sums(&wish(Across::Agent, Some("usr_ann"), edges.clone()), &|_| true);
    let (_, sums) = &told.expect("sums").items[0];
    let facts = sums[0].facts(Threshold::DEFAULT);
    let own = number(&facts, "offers").expect("a count");
    assert_eq!(all.of(&Name::from("usr_ann"), 0, own), (4, 5));
}

#[test]
fn a_team_is_shared_out_by_the_same_rule_live_and_in_the_history() {
    let mut kept = Kept::new();
    let mut lines = STORY.lines();
    lines.by_ref().take(7).for_each(|line| kept.line(line));
    // Ann, Bob, Cid, and Eve and Fay, who are never idle in the first five minutes but for an instant.
    for agent in [0, 1, 2, 4, 5] {
        let (team, agent, by) = ("north".into(), AgentIx(agent), "owner".into());
        kept.event(Event::TeamJoined { team, agent, by });
    }
    lines.for_each(|line| kept.line(line));
    let five = |n: i64| Millis(START.0 + n * 300_000);
    let live = |kept: &Kept, n: i64| {
        let facts = kept.figures.facts(
            (By::Team, "north"),
            (five(n), kept.figures.at()),
            Threshold::DEFAULT,
        );
        let facts = facts.expect("a team");
        let mut spread = facts.present.spread.clone();
        spread.sort_unstable();
        (spread, number(&facts, "offers_gini"))
    };
    let in_the_history = |kept: &Kept, n: i64| {
        let members: Vec<Name> = kept.figures.members("north").cloned().collect();
        let spread = kept.look().spread_of(&members, &[five(n), five(n + 1)], None);
        let mut spread = spread.expect("read").remove(0);
        spread.sort_unstable();
        let gini = gini(&spread);
        (spread, gini)
    };
    // Ann had four (three of v, one of w), Bob one, Cid none; Eve and Fay were not idle. Of these
    // (2·1 − 4)·0 + (2·2 − 4)·1 + (2·3 − 4)·4 = 8; n Σx = 3 · 5 = 15.
    let expected = (vec![0, 1, 4], Some(5_333));
    kept.write();
    assert_eq!((live(&kept, 0), in_the_history(&kept, 0)), (expected.clone(), expected.clone()));
    // Bob goes home in the second; in the third Eve is online, which no queue of hers takes for idle.
    kept.line("at 400s");
    kept.line("status bob offline");
    kept.line("at 500s");
    kept.line("opt ann v out");
    kept.line("call c7 to v");
    kept.write();
    let expected = (vec![0, 0, 1], Some(6_667));
    assert_eq!((live(&kept, 1), in_the_history(&kept, 1)), (expected.clone(), expected.clone()));
    kept.line("at 501s");
    kept.line("abandoned c7");
    kept.line("at 600s");
    kept.line("status eve online");
    kept.line("at 610s");
    kept.line("status eve offline");
    kept.line("at 700s");
    kept.line("opt ann v in");
    kept.write();
    let expected_of_third = (vec![0, 0, 0], None);
    let told = (live(&kept, 2), in_the_history(&kept, 2));
    assert_eq!(told, (expected_of_third.clone(), expected_of_third));
    assert_eq!(in_the_history(&kept, 1), expected, "what is over stays");
    // Who leaves the team is in it no more, of the past neither.
    kept.event(Event::TeamLeft { team: "north".into(), agent: AgentIx(0), by: "owner".into() });
    assert_eq!(in_the_history(&kept, 0), (vec![0, 1], Some(5_000)));
    let (as_of, members) = (Some(kept.figures.seq() - 4), ["usr_cid".into()]);
    let refused = kept.look().spread_of(&members, &[five(2), five(3)], as_of);
    assert!(refused.is_err(), "Cid's time has grown since");
}
