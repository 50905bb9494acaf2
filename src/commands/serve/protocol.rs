//! The protocol of docs/reference/protocol.md: `hello` and the answers, one JSON object a line.

use super::request::Id;
use imle_configs::spec::Term;
use imle_planner::selection::quality::Quality;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// Version of the protocol; it grows when an old client would not understand.
pub const PROTOCOL: u32 = 1;
/// Revision of that version; it grows with every request or field that is new.
pub const REVISION: u32 = 2;

/// The first line from the server.
#[derive(Debug, Serialize)]
pub struct Hello {
    pub protocol: u32,
    pub revision: u32,
    pub version: &'static str,
    /// Kinds of requests that are answered.
    pub requests: &'static [&'static str],
    pub task: String,
    /// Hz.
    pub control_rate: f64,
    pub t_obs: usize,
    pub t_pred: usize,
    pub t_act: usize,
    /// Values of the full integration state, of its positions, velocities and controls; 0 without a simulator.
    pub state_size: usize,
    pub qpos_size: usize,
    pub qvel_size: usize,
    pub ctrl_size: usize,
    /// Mocap bodies.
    pub mocap_size: usize,
    /// Physics steps of a control step in the world, and seconds of one.
    pub substeps: usize,
    pub timestep: Option<f64>,
    /// Version of MuJoCo.
    pub mujoco: &'static str,
    /// O and its terms.
    pub observation_size: usize,
    pub observation: Vec<Term>,
    /// A, its terms, and their lowest and highest values, (A): the task's, or those in the training data.
    pub action_size: usize,
    pub action: Vec<Term>,
    pub action_low: Option<Vec<f32>>,
    pub action_high: Option<Vec<f32>>,
    pub planner: String,
    pub candidates: u32,
    pub seed: u64,
    /// Whether a decision needs the state: not without a planner.
    pub state_needed: bool,
    /// Bytes.
    pub longest_line: usize,
    /// Seconds without a request after which a connection is closed.
    pub idle_timeout_s: u32,
}

/// An answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Decided(Box<Decided>),
    Observed {
        episode: u64,
        decision: u64,
    },
    Example(Box<Example>),
    Act(Box<Act>),
    /// A JSON object that all clients share.
    #[serde(skip)]
    Model(Arc<str>),
    Pong {
        pong: bool,
    },
    /// The last line of a connection, with the reason if the client did not ask for it.
    Closed {
        closed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    Refused {
        error: String,
    },
}

/// An array, row-major, written as nested lists.
#[derive(Debug)]
pub struct Array<T> {
    pub values: Vec<T>,
    /// Sizes behind the first.
    pub inner: Vec<usize>,
}

impl<T: Serialize> Serialize for Array<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Part(&self.values, &self.inner).serialize(serializer)
    }
}

/// Values of an array or of a part of one, and the sizes behind its first.
struct Part<'a, T>(&'a [T], &'a [usize]);

impl<T: Serialize> Serialize for Part<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1.split_first() {
            None => serializer.collect_seq(self.0),
            Some((_, inner)) => {
                let row = self.1.iter().product::<usize>().max(1);
                serializer.collect_seq(self.0.chunks_exact(row).map(|part| Part(part, inner)))
            }
        }
    }
}

/// A chunk and how it came about.
#[derive(Debug, Serialize)]
pub struct Decided {
    pub episode: u64,
    pub decision: u64,
    /// (T_pred, A)
    pub chunk: Array<f32>,
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
    #[serde(flatten)]
    pub proposals: Option<Proposals>,
}

/// All candidates of a decision that were tried.
#[derive(Debug, Serialize)]
pub struct Proposals {
    /// (N, T_pred, A)
    pub chunks: Array<f32>,
    /// (N); null for one without a cost: of a generator alone, failed, or not offered.
    pub costs: Vec<f64>,
    /// (N)
    pub sources: Vec<&'static str>,
    /// Index of the chunk that is planned; null if that is none of them.
    pub chosen: Option<usize>,
}

/// A start state to try the protocol with.
#[derive(Debug, Serialize)]
pub struct Example {
    pub episode: u64,
    /// (T_obs, O)
    pub observations: Array<f32>,
    pub state: Vec<f64>,
    pub qpos: Vec<f64>,
    pub qvel: Vec<f64>,
    pub ctrl: Vec<f64>,
}

/// Commands of a control step, a row a physics step.
#[derive(Debug, Serialize)]
pub struct Act {
    /// (substeps, nu)
    pub controls: Array<f64>,
    /// (substeps, nmocap, 3) and (substeps, nmocap, 4), where there are mocap bodies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mocap_pos: Option<Array<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mocap_quat: Option<Array<f64>>,
}

/// An answer as a line.
pub fn line(id: &Id, answer: &Answer) -> String {
    let told = serde_json::to_string(answer);
    let told = told.unwrap_or_else(|e| format!("{{\"error\":\"the answer cannot be written: {:?}\"}}", e.classify()));
    format!("{}{}", head(id), &told[1..])
}

/// The beginning of an answer, up to its first field.
pub fn head(id: &Id) -> String {
    format!("{{\"id\":{},", id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_nested_lists() {
        let array = |values: usize, inner: &[usize]| {
            serde_json::to_string(&Array { values: (0..values).collect(), inner: inner.to_vec() }).unwrap()
        };
        assert_eq!(array(2, &[]), "[0,1]");
        assert_eq!(array(4, &[2]), "[[0,1],[2,3]]");
        assert_eq!(array(8, &[2, 2]), "[[[0,1],[2,3]],[[4,5],[6,7]]]");
        assert_eq!((array(0, &[3]).as_str(), array(0, &[0, 3]).as_str()), ("[]", "[]"));
    }

    #[test]
    fn an_answer_carries_the_id() {
        let refused = Answer::Refused { error: "a".into() };
        assert_eq!(line(&Id::default(), &refused), r#"{"id":null,"error":"a"}"#);
        let closed = Answer::Closed { closed: true, error: None };
        assert_eq!(line(&Id::default(), &closed), r#"{"id":null,"closed":true}"#);
    }
}
