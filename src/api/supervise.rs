//! Supervising a call: to hear it, to speak in it, to take it over, and to leave it again.

use crate::api::answer::response;
use crate::api::ask::Sent;
use crate::api::body::JSON;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::schema::{CallView, SuperviseBody};
use crate::api::{JSON_BODY, Routes};
use crate::domain::fields::Fields;
use crate::domain::input::Command;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::switching::SuperviseMode;
use serde_json::Value;

const PATH: &str = "/v1/accounts/{account}/calls/{call}/supervise";

/// How one may be on a call; not to be on it is another request.
const MODES: &[SuperviseMode] = &[
    SuperviseMode::Monitor,
    SuperviseMode::Whisper,
    SuperviseMode::Barge,
    SuperviseMode::TakeOver,
];

/// The routes of supervising.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(
                Method::Post,
                PATH,
                "supervise_call",
                "Puts you on a call whose agents you may monitor: your phone is rung. Asked again, it \
                 changes the mode.",
                begin,
            )
            .tag("Calls")
            .once()
            .body::<SuperviseBody>(JSON_BODY)
            .answers::<CallView>(202, "The switch is told to.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Delete,
                PATH,
                "end_supervise_call",
                "Takes you off a call that you supervise.",
                end,
            )
            .tag("Calls")
            .answers::<CallView>(202, "The switch is told to.")
            .done(),
        )
}

async fn begin(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let mode = read(&sent.json(JSON)?).map_err(Problem::invalid)?;
        let command = Command::Supervise { call: sent.ask.call()?, mode: Some(mode) };
        Ok(response(sent.ask.change(command).await?))
    })
    .await
}

async fn end(sent: Sent) -> Answered {
    sent.ask.no_query()?;
    let command = Command::Supervise { call: sent.ask.call()?, mode: None };
    Ok(response(sent.ask.change(command).await?))
}

/// `{ "mode" }`
fn read(body: &Value) -> Result<SuperviseMode, Vec<FieldError>> {
    let mut fields = Fields::of(body);
    let parse = |word: &str| SuperviseMode::parse(word).filter(|mode| MODES.contains(mode));
    let mode = fields.word_or_null("mode", parse, MODES);
    if body.get("mode").is_none_or(Value::is_null) {
        fields.wrong("mode", "required", "must be monitor, whisper, barge or take_over");
    }
    fields.done(mode.unwrap_or(SuperviseMode::Monitor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mode_is_one_of_four() {
        assert_eq!(read(&json!({ "mode": "take_over" })), Ok(SuperviseMode::TakeOver));
        for (body, code) in [
            (json!({}), "required"),
            (json!({ "mode": null }), "required"),
            (json!({ "mode": "none" }), "unknown_value"),
            (json!({ "mode": 1 }), "type"),
        ] {
            let errors = read(&body).expect_err("is wrong");
            let told: Vec<_> = errors.iter().map(|e| (&*e.pointer, e.code)).collect();
            assert_eq!(told, [("/mode", code)], "{body}");
        }
    }
}
