//! The protocol of docs/reference/protocol.md: one JSON object a line, requests one way and answers the other.

use imle_cli::failure::Result;
use imle_configs::{Error as InputError, spec::Term};
use imle_planner::selection::quality::Quality;
use serde::{Deserialize, Serialize};
use serde_json::{Value, error::Category};

/// Version of the protocol; it grows when an old client would not understand.
pub const PROTOCOL: u32 = 1;

/// The first line from the server.
#[derive(Debug, Serialize)]
pub struct Hello {
    pub protocol: u32,
    pub version: &'static str,
    pub task: String,
    /// Hz.
    pub control_rate: f64,
    pub t_obs: usize,
    pub t_pred: usize,
    pub t_act: usize,
    /// Values of the full integration state, of its positions, velocities and controls.
    pub state_size: usize,
    pub qpos_size: usize,
    pub qvel_size: usize,
    pub ctrl_size: usize,
    /// O and its terms.
    pub observation_size: usize,
    pub observation: Vec<Term>,
    /// A, its terms, and their lowest and highest values, (A).
    pub action_size: usize,
    pub action: Vec<Term>,
    pub action_low: Vec<f32>,
    pub action_high: Vec<f32>,
    pub planner: String,
    pub candidates: u32,
    pub seed: u64,
    /// Whether a decision needs the state: not without a planner.
    pub state_needed: bool,
    /// Bytes.
    pub longest_line: usize,
}

/// A longer path to what is wrong in a request is cut to its field, bytes.
const LONGEST_PLACE: usize = 60;

/// Kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Decide,
    Observe,
    Example,
    Ping,
    Close,
}

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Anything; the answer carries it.
    #[serde(default)]
    pub id: Value,
    /// Index of the episode, which keys its draws.
    pub episode: Option<u64>,
    /// Whether an episode begins.
    #[serde(default)]
    pub reset: bool,
    /// (n, O), n from 1 to T_obs, oldest first.
    pub observations: Option<Vec<Vec<f64>>>,
    pub state: Option<Vec<f64>>,
    pub qpos: Option<Vec<f64>>,
    pub qvel: Option<Vec<f64>>,
    pub ctrl: Option<Vec<f64>>,
    /// Actions of the last chunk that were executed.
    pub executed: Option<usize>,
    /// Milliseconds for the decision, from when it was asked for.
    pub deadline_ms: Option<f64>,
}

/// An answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Decided(Box<Decided>),
    Observed { episode: u64, decision: u64 },
    Example(Box<Example>),
    Pong { pong: bool },
    Closed { closed: bool },
    Refused { error: String },
}

/// A chunk and how it came about.
#[derive(Debug, Serialize)]
pub struct Decided {
    pub episode: u64,
    pub decision: u64,
    /// (T_pred, A)
    pub chunk: Vec<Vec<f32>>,
    /// T_act.
    pub execute: usize,
    /// None if no candidate could be simulated.
    pub source: Option<&'static str>,
    pub predicted: Option<f64>,
    pub quality: Option<Quality>,
    pub rollouts: u64,
    pub failed: u64,
    pub plan_ms: f64,
    /// Time behind the decisions of others.
    pub waited_ms: f64,
}

/// A start state to try the protocol with.
#[derive(Debug, Serialize)]
pub struct Example {
    pub episode: u64,
    /// (T_obs, O)
    pub observations: Vec<Vec<f32>>,
    pub state: Vec<f64>,
    pub qpos: Vec<f64>,
    pub qvel: Vec<f64>,
    pub ctrl: Vec<f64>,
}

/// An answer with the id of its request.
#[derive(Debug, Serialize)]
struct Addressed<'a> {
    id: &'a Value,
    #[serde(flatten)]
    answer: &'a Answer,
}

/// An answer as a line.
pub fn line(id: &Value, answer: &Answer) -> String {
    let told = serde_json::to_string(&Addressed { id, answer });
    told.unwrap_or_else(|e| format!("{{\"id\":null,\"error\":\"the answer cannot be written: {:?}\"}}", e.classify()))
}

/// Reads a request.
///
/// # Errors
/// A bad input that names the field, what was expected and what was found.
pub fn parse(line: &[u8]) -> Result<Request> {
    let text = std::str::from_utf8(line).map_err(|e| {
        InputError::unexpected("request", "UTF-8", format!("other bytes behind the first {}", e.valid_up_to()))
    })?;
    // A list of the fields' values would be taken too.
    if !text.trim_start().starts_with('{') {
        return Err(
            InputError::unexpected("request", "one JSON object", format!("`{}`", beginning(text.trim()))).into()
        );
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let request = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let place = e.path().to_string();
        let field = place.split('[').next().unwrap_or_default();
        // A path into what has no end has none either.
        let place = if place.len() > LONGEST_PLACE { field } else { &place };
        explain(text, if place == "." { "request" } else { place }, e.inner())
    })?;
    deserializer.end().map_err(|e| explain(text, "request", &e))?;
    Ok(request)
}

/// The id of a request that cannot be read otherwise, if there is one.
pub fn id_of(line: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Id {
        #[serde(default)]
        id: Value,
    }
    // What Python and JavaScript write for numbers that JSON does not have.
    let text = String::from_utf8_lossy(line).replace("-Infinity", "0").replace("Infinity", "0").replace("NaN", "0");
    serde_json::from_str::<Id>(&text).map(|i| i.id).unwrap_or_default()
}

fn explain(text: &str, place: &str, error: &serde_json::Error) -> InputError {
    let told = error.to_string();
    let told = told.split(" at line ").next().unwrap_or_default();
    if error.classify() == Category::Data {
        let (found, expected) =
            told.split_once(", expected ").unwrap_or((told, "a request as docs/reference/protocol.md says it"));
        let expected = if expected == "f64" { "a finite number" } else { expected };
        return InputError::unexpected(place, expected, found.trim_start_matches("invalid type: "));
    }
    let expected = match place {
        "request" => "one JSON object",
        place if place.ends_with(']') && !place.starts_with("id") => "a finite number",
        _ => "valid JSON",
    };
    let found = match token(text, error.column()) {
        "" => told.to_string(),
        token if told == "expected value" => format!("`{token}`"),
        token => format!("`{token}` ({told})"),
    };
    InputError::unexpected(place, expected, found)
}

/// The word of `text` around its byte `column` (from 1).
fn token(text: &str, column: usize) -> &str {
    let ends = |b: u8| b",[]{}: \t".contains(&b);
    let bytes = text.as_bytes();
    let at = column.saturating_sub(1).min(bytes.len());
    let start = bytes[..at].iter().rposition(|b| ends(*b)).map_or(0, |i| i + 1);
    let end = bytes[at..].iter().position(|b| ends(*b)).map_or(bytes.len(), |i| at + i);
    beginning(text.get(start..end).unwrap_or_default())
}

/// So much of `text` as fits into an error.
fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(24).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        parse(line.as_bytes()).unwrap_err().line()
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let nan = told(r#"{"type":"decide","id":7,"observations":[[1.0,2.0],[NaN,0]]}"#);
        assert!(nan.starts_with("observations[1][0]: expected a finite number, found `NaN`"), "{nan}");
        let word = told(r#"{"type":"decide","reset":tru}"#);
        assert!(word.starts_with("reset: expected valid JSON, found `tru`"), "{word}");
        let far = told(r#"{"type":"decide","state":[0,1e999]}"#);
        assert!(far.starts_with("state[1]: expected a finite number, found `1e999`"), "{far}");
        let none = told(r#"{"type":"decide","state":[null]}"#);
        assert_eq!(none, "state[0]: expected a finite number, found null");
        let shape = told(r#"{"type":"decide","observations":[1.0]}"#);
        assert!(shape.starts_with("observations[0]: expected a sequence, found"), "{shape}");
        let field = told(r#"{"type":"decide","stat":[1.0]}"#);
        assert!(field.contains("unknown field `stat`") && field.contains("`state`"), "{field}");
        let kind = told(r#"{"type":"decied"}"#);
        assert!(kind.starts_with("type: expected one of `decide`"), "{kind}");
        assert!(told("{}").contains("missing field `type`"));
        assert_eq!(told("garbage"), "request: expected one JSON object, found `garbage`");
        assert_eq!(told("[\"ping\"]"), "request: expected one JSON object, found `[\"ping\"]`");
        assert!(told(r#"{"type":"ping"} {"#).contains("expected one JSON object"));
        let deep = told(&(r#"{"type":"ping","id":"#.to_string() + &"[".repeat(1000)));
        assert!(deep.starts_with("id: expected valid JSON, found recursion"), "{deep}");
        assert!(told(r#"{"type":"ping","id":"ä"#).starts_with("id: expected"));
        assert_eq!(parse(b"\xff").unwrap_err().line(), "request: expected UTF-8, found other bytes behind the first 0");
    }

    #[test]
    fn a_line_that_cannot_be_read_may_still_tell_its_id() {
        assert_eq!(id_of(br#"{"type":"decide","state":[NaN,-Infinity],"id":7}"#), 7);
        assert_eq!(id_of(br#"{"stat":0,"id":"a"}"#), "a");
        assert_eq!(id_of(b"garbage"), Value::Null);
    }
}
