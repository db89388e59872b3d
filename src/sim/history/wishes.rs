//! What calls require and whom they prefer, in random histories; and what supervisors do by hand.

use super::{Maker, set};

impl Maker {
    /// Steps of a queue, or none. Other queues may be added once they are there.
    pub(super) fn steps(&mut self, at: Option<usize>) -> Option<String> {
        let many = self.below(4);
        let mut after_ms = self.one_of(&[0, 0, 0, 2_000]);
        let mut steps = Vec::new();
        for i in 0..many {
            let last = i + 1 == many;
            steps.push(self.one_step(after_ms, last, at));
            after_ms += self.one_of(&[500, 2_000, 5_000]);
        }
        (!steps.is_empty()).then(|| format!("[{}]", steps.join(",")))
    }

    fn one_step(&mut self, after_ms: u64, last: bool, at: Option<usize>) -> String {
        let mut step = format!(r#"{{"after_ms":{after_ms}"#);
        let wish = self.one_of(&[
            "",
            "",
            r#","skills":[{"skill":"spanish","min":40}]"#,
            r#","stars_min":2"#,
            r#","skills":[{"skill":"tech","min":20,"max":50}]"#,
            r#","agents":["usr_ann"]"#,
        ]);
        step.push_str(wish);
        if let Some(also) = self.also(at) {
            step.push_str(&format!(r#","also":[{also}]"#));
        }
        if !last && self.once_in(3) {
            let skip_if = self.one_of(&["nobody_logged_in", "nobody_offerable"]);
            step.push_str(&format!(r#","skip_if":"{skip_if}""#));
        }
        step.push('}');
        step
    }

    /// One or two other queues of the same medium.
    fn also(&mut self, at: Option<usize>) -> Option<String> {
        let chat = at.is_some_and(|at| self.queues[at].chat);
        let others: Vec<usize> = (0..self.queues.len())
            .filter(|q| Some(*q) != at && self.queues[*q].chat == chat)
            .collect();
        if others.is_empty() || self.once_in(2) {
            return None;
        }
        let mut named: Vec<String> = Vec::new();
        for _ in 0..=self.below(2) {
            let pick = others[self.below(others.len())];
            let queue = &self.queues[pick];
            let family = if queue.group { "group" } else { "queue" };
            let one = format!(r#"{{"{family}":"{}"}}"#, queue.name);
            if !named.contains(&one) {
                named.push(one);
            }
        }
        Some(named.join(","))
    }

    /// A queue's wishes are set when all queues are there, and changed later.
    pub(super) fn wishes(&mut self, at: usize, body: &mut Vec<(String, String)>) {
        if self.once_in(2) {
            body.retain(|(key, _)| key != "steps");
            if let Some(steps) = self.steps(Some(at)) {
                set(body, "steps", steps);
            }
        }
        if self.once_in(3) {
            let hold = self.one_of(&[1_000, 4_000]);
            let whom = self.one_of(&[
                r#""last_agent":true"#,
                r#""last_agent":true"#,
                r#""agent":"usr_ann""#,
            ]);
            set(body, "preferred", format!(r#"{{{whom},"hold_for_ms":{hold}}}"#));
        }
    }

    /// What a call brings of its own.
    pub(super) fn own_wishes(&mut self, chat: bool) -> String {
        let mut words = String::new();
        if self.once_in(3) {
            words.push_str(self.one_of(&[" from=+1", " from=+2"]));
        }
        if self.once_in(8)
            && !chat
            && let Some(steps) = self.steps(None)
        {
            words.push_str(&format!(" steps={steps}"));
        }
        if self.once_in(8) {
            let agent = self.one_of(&["ann", "bob", "nobody"]);
            let hold = self.one_of(&[1_000, 3_000]);
            words
                .push_str(&format!(r#" preferred={{"agent":"usr_{agent}","hold_for_ms":{hold}}}"#));
        }
        words
    }

    /// A supervisor picks, changes or moves a call.
    pub(super) fn by_hand(&mut self) {
        let live = self.model.system.live_calls();
        if live.is_empty() {
            return self.arrival();
        }
        let (call, ..) = live[self.below(live.len())].clone();
        let at = self.below(self.agents.len());
        let agent = self.agents[at].name.clone();
        match self.below(6) {
            0..3 => self.say(format!("assign {call} {agent}")),
            3 => {
                let priority = self.below(5) as i32 - 2;
                self.say(format!("change {call} priority={priority}"));
            }
            4 => {
                let skills = self.one_of(&["spanish:20", "tech", "nothing", ""]);
                self.say(format!("change {call} skills={skills}"));
            }
            _ => {
                let to = self.below(self.queues.len());
                let to = self.queues[to].name.clone();
                self.say(format!("change {call} queue={to} priority=1"));
            }
        }
    }
}
