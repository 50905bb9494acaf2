//! Requests: one line of JSON, read straight into typed fields of bounded length. `tests/fuzz` has this file as its own.

use imle_configs::{Error as InputError, Result};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use std::fmt;

/// A longer path to what is wrong in a request is cut to its field, bytes.
const LONGEST_PLACE: usize = 60;
/// Longest value in an error, characters; the rest is cut.
const LONGEST_FOUND: usize = 60;
/// Longest id, bytes of JSON.
const LONGEST_ID: usize = 256;
/// Room of a request for names, the id and spaces, bytes.
const FRAME: usize = 4096;
/// Room for a number and what parts it from the next, bytes.
const NUMBER: usize = 32;

/// Kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Decide,
    Propose,
    Observe,
    Act,
    Example,
    Model,
    Ping,
    Close,
}

impl Kind {
    /// All, as they are written.
    pub const NAMES: [&str; 8] = ["decide", "propose", "observe", "act", "example", "model", "ping", "close"];
}

/// One of a task's models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The world's.
    #[default]
    World,
    /// The one in which candidates are tried.
    Planner,
}

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Anything short; the answer carries it.
    #[serde(default)]
    pub id: Id,
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
    /// (A)
    pub action: Option<Vec<f64>>,
    pub which: Option<Which>,
}

/// Bounds of a request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most numbers.
    values: usize,
}

impl Bounds {
    /// Bounds of requests with at most `values` numbers.
    pub fn new(values: usize) -> Self {
        Self { values }
    }

    /// Longest line, bytes.
    pub fn line(self) -> usize {
        FRAME + NUMBER * self.values
    }

    /// Checks that `line` holds no more values than a request can, before memory is taken for them.
    fn check(self, line: &[u8]) -> Result<()> {
        let most = self.values + LONGEST_ID;
        let found = line.iter().filter(|b| **b == b',').count();
        InputError::ensure(found <= most, "request", format!("at most {most} values"), found)
    }
}

/// An id as JSON: of any kind, but short.
#[derive(Clone, Debug, PartialEq)]
pub struct Id(String);

impl Id {
    /// The JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Id {
    fn default() -> Self {
        Self("null".into())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut text = String::new();
        IdText(&mut text).deserialize(deserializer)?;
        Ok(Self(text))
    }
}

/// Writes what is read as JSON again, up to [`LONGEST_ID`].
struct IdText<'a>(&'a mut String);

impl IdText<'_> {
    fn add<E: de::Error>(&mut self, text: &str) -> std::result::Result<(), E> {
        if self.0.len() + text.len() > LONGEST_ID {
            return Err(E::custom(format_args!("a longer one, expected at most {LONGEST_ID} bytes of JSON")));
        }
        self.0.push_str(text);
        Ok(())
    }

    fn scalar<E: de::Error>(mut self, value: impl Serialize) -> std::result::Result<(), E> {
        self.add(&serde_json::to_string(&value).map_err(E::custom)?)
    }
}

impl<'de> DeserializeSeed<'de> for IdText<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IdText<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<(), E> {
        self.scalar(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> std::result::Result<(), E> {
        self.scalar(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> std::result::Result<(), E> {
        self.scalar(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> std::result::Result<(), E> {
        self.scalar(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> std::result::Result<(), E> {
        self.scalar(value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> std::result::Result<(), E> {
        self.scalar(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> std::result::Result<(), A::Error> {
        self.add::<A::Error>("[")?;
        let begin = self.0.len();
        while list.next_element_seed(IdText(&mut *self.0))?.is_some() {
            self.add::<A::Error>(",")?;
        }
        self.close(begin, "]")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
        self.add::<A::Error>("{")?;
        let begin = self.0.len();
        while map.next_key_seed(IdText(&mut *self.0))?.is_some() {
            self.add::<A::Error>(":")?;
            map.next_value_seed(IdText(&mut *self.0))?;
            self.add::<A::Error>(",")?;
        }
        self.close(begin, "}")
    }
}

impl IdText<'_> {
    /// Ends a list or an object whose inside begins at `begin`.
    fn close<E: de::Error>(&mut self, begin: usize, end: &str) -> std::result::Result<(), E> {
        if self.0.len() > begin {
            self.0.pop();
        }
        self.add(end)
    }
}

/// Reads a request.
///
/// # Errors
/// A bad input that names the field, what was expected and what was found.
pub fn parse(line: &[u8], bounds: Bounds) -> Result<Request> {
    let text = std::str::from_utf8(line).map_err(|e| {
        InputError::unexpected("request", "UTF-8", format!("other bytes behind the first {}", e.valid_up_to()))
    })?;
    // A list of the fields' values would be taken too.
    if !text.trim_start().starts_with('{') {
        return Err(InputError::unexpected("request", "one JSON object", format!("`{}`", beginning(text.trim()))));
    }
    bounds.check(line)?;
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
pub fn id_of(line: &[u8]) -> Id {
    #[derive(Deserialize)]
    struct Only {
        #[serde(default)]
        id: Id,
    }
    // What Python and JavaScript write for numbers that JSON does not have.
    let text = String::from_utf8_lossy(line).replace("-Infinity", "0").replace("Infinity", "0").replace("NaN", "0");
    serde_json::from_str::<Only>(&text).map(|i| i.id).unwrap_or_default()
}

fn explain(text: &str, place: &str, error: &serde_json::Error) -> InputError {
    let place = cut(place);
    let told = error.to_string();
    let told = told.rsplit_once(" at line ").map_or(&*told, |(before, _)| before);
    if error.classify() == Category::Data {
        let (found, expected) =
            told.split_once(", expected ").unwrap_or((told, "a request as docs/reference/protocol.md says it"));
        let expected = if expected == "f64" { "a finite number" } else { expected };
        return InputError::unexpected(place, expected, cut(found.trim_start_matches("invalid type: ")));
    }
    let expected = match &*place {
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

/// `text` as an error tells it: on one line, and no longer than is read.
fn cut(text: &str) -> String {
    let line = text.replace(char::is_control, " ");
    match line.char_indices().nth(LONGEST_FOUND) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
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
        parse(line.as_bytes(), Bounds::new(100)).unwrap_err().to_string()
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
        assert!(Kind::NAMES.iter().all(|name| kind.contains(&format!("`{name}`"))), "{kind}");
        let which = told(r#"{"type":"model","which":"mine"}"#);
        assert!(which.starts_with("which: expected `world` or `planner`, found"), "{which}");
        assert!(told("{}").contains("missing field `type`"));
        assert_eq!(told("garbage"), "request: expected one JSON object, found `garbage`");
        assert_eq!(told("[\"ping\"]"), "request: expected one JSON object, found `[\"ping\"]`");
        assert!(told(r#"{"type":"ping"} {"#).contains("expected one JSON object"));
        let deep = told(&(r#"{"type":"ping","id":"#.to_string() + &"[".repeat(1000)));
        assert!(deep.starts_with("id: expected"), "{deep}");
        assert!(told(r#"{"type":"ping","id":"ä"#).starts_with("id: expected"));
        let other = parse(b"\xff", Bounds::new(1)).unwrap_err().to_string();
        assert_eq!(other, "request: expected UTF-8, found other bytes behind the first 0");
    }

    /// Whatever a client sends, the error is a short line.
    #[test]
    fn long_values_are_cut() {
        let long = "x".repeat(3000);
        for line in [
            format!(r#"{{"type":"{long}"}}"#),
            format!(r#"{{"type":"ping","{long}":1}}"#),
            format!(r#"{{"type":"ping","id":"{long}"}}"#),
            format!(r#"{{"type":"decide","reset":"{long}"}}"#),
            format!(r#"{{"type":"decide","state":["{long}\n at line 3"]}}"#),
            format!(r#"{{"type":"decide","state":{{"{long}":1}}}}"#),
            format!(r#"{{"type":"decide","state":[1{long}]}}"#),
            format!(r#"{{"type":"decide","executed":1{}}}"#, "0".repeat(3000)),
        ] {
            let told = told(&line);
            assert!(told.len() < 400 && told.lines().count() == 1, "{told}");
        }
    }

    #[test]
    fn more_values_than_a_request_can_have_are_refused_unread() {
        let many = told(&format!(r#"{{"type":"decide","observations":[{}[]]}}"#, "[],".repeat(400)));
        assert_eq!(many, "request: expected at most 356 values, found 401");
    }

    #[test]
    fn ids_of_all_kinds_come_back() {
        for id in [r#""a\n""#, "7", "-1", "0.5", "null", "true", "[]", "{}", r#"[1,{"a":[null,2.5],"b":"c"}]"#] {
            let request = parse(format!(r#"{{"type":"ping", "id": {id}}}"#).as_bytes(), Bounds::new(1)).unwrap();
            assert_eq!(request.id.as_str(), id);
        }
        assert_eq!(parse(br#"{"type":"ping"}"#, Bounds::new(1)).unwrap().id, Id::default());
        let long = told(&format!(r#"{{"type":"ping","id":[{}1]}}"#, "1,".repeat(200)));
        assert!(long.contains("expected at most 256 bytes of JSON, found a longer one"), "{long}");
    }

    #[test]
    fn a_line_that_cannot_be_read_may_still_tell_its_id() {
        assert_eq!(id_of(br#"{"type":"decide","state":[NaN,-Infinity],"id":7}"#).as_str(), "7");
        assert_eq!(id_of(br#"{"stat":0,"id":"a"}"#).as_str(), r#""a""#);
        assert_eq!(id_of(b"garbage"), Id::default());
    }
}
