//! The peer judo (rai-inst/judo 0.1.0): its controller with predictive sampling and its own settings, on its own task.
//!
//! `cartpole` and `cylinder_push` have judo's models, costs and starts.

use super::peers::{Peer, PythonEnvironment, ScratchFolder, python};
use imle_cli::failure::Result;
use imle_cli::output::Output;

const SCRIPT: &str = include_str!("../../peers/judo_plan.py");
/// judo's candidates and knots on both tasks (judo/optimizers/overrides.py).
pub const CANDIDATES: usize = 32;
/// As above.
pub const KNOTS: usize = 4;

/// The version of MuJoCo is ours; judo asks for 3.6.
const JUDO: PythonEnvironment =
    PythonEnvironment { name: "peers-judo-0.1.0-mujoco-3.17.0", requirements: include_str!("../../peers/judo.txt") };

/// Our control steps of one second, judo's horizon, if judo has `task`. One second of its cart and pole is 25 steps of
/// its physics and 12.5 of our control steps: ours take one half more.
pub fn steps(task: &str) -> Option<usize> {
    match task {
        "cartpole" => Some(13),
        "cylinder_push" => Some(10),
        _ => None,
    }
}

/// judo at work beside us.
pub struct Judo {
    peer: Peer,
    _folder: ScratchFolder,
    /// Times so far, ms a decision.
    pub ms: Vec<f64>,
}

impl Judo {
    /// Starts it.
    pub fn new(task: &str, output: Output) -> Result<Self> {
        let folder = ScratchFolder::new()?;
        let arguments = [task.to_string()];
        let (peer, _) = Peer::python(&python(&JUDO, output)?, SCRIPT, &folder.0, &arguments)?;
        Ok(Self { peer, _folder: folder, ms: Vec::new() })
    }

    /// One of its decisions.
    pub fn measure(&mut self) -> Result<()> {
        self.ms.push(self.peer.measure("")? * 1e3);
        Ok(())
    }
}
