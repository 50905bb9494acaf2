//! Parts of `planner bench plan`, each a list of contenders and the tasks they meet on: `parts.toml`.

use crate::publish::listed;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// A contender: its name, the method whose generator proposes, and the controller's flags.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanContender {
    pub name: String,
    /// Method of the generator, as its folder is called; `imle` is the shipped one where no folder is given.
    #[serde(default = "imle")]
    pub method: String,
    pub flags: String,
}

fn imle() -> String {
    "imle".into()
}

/// Question to a contender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Success.
    #[default]
    Success,
    /// Success with as many candidates as take as long as a decision of the generator of IMLE under the flags `with`.
    EqualTime { with: String },
    /// Calibration of the predicted quality of its plans.
    Calibration,
}

impl Question {
    pub fn is_success(&self) -> bool {
        *self == Self::Success
    }
}

/// A question, and what answers it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPart {
    pub name: String,
    pub tasks: Vec<String>,
    #[serde(default)]
    pub kind: Question,
    /// The others are compared with the first.
    pub contenders: Vec<PlanContender>,
}

impl PlanPart {
    /// Question to one of its contenders; the one that the others may take as long as has its own flags.
    pub fn kind_of(&self, contender: &PlanContender) -> Question {
        match &self.kind {
            Question::EqualTime { with } if *with == contender.flags => Question::Success,
            kind => kind.clone(),
        }
    }
}

/// All parts.
pub static PARTS: LazyLock<Vec<PlanPart>> = LazyLock::new(|| listed(include_str!("parts.toml"), "parts"));
