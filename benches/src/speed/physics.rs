//! Peers in C that do the bare physics of rollouts: a thread pool over `mj_step`, and MuJoCo's own batch.

use super::peers::{Peer, ScratchFolder};
use imle_cli::failure::{Failure, Result};
use imle_configs::files::write_atomic;
use imle_envs::mujoco::simulation::Simulation;
use imle_envs::task::Task;
use imle_envs::task::control::Control;
use std::path::Path;

const PROGRAM: &str = include_str!("../../peers/rollout.c");
/// The model's file in the peers' folder.
pub const MODEL: &str = "model.mjb";
/// The peer that is a thread pool over `mj_step`.
pub const POOL: &str = "pool";

/// A model of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    World,
    Planner,
}

/// Writes a model for the peers.
pub fn save_model(task: &Task, of: Of, folder: &Path) -> Result<()> {
    let model = if of == Of::World { task.compiled_model() } else { task.planning_model() };
    let saved = model.save_to_file(folder.join(MODEL));
    saved.map_err(|e| Failure::Run(format!("cannot save the model: {e}")))
}

/// Writes what the peers roll out next: a full integration state, and controls (candidates, physics steps, nu).
pub fn write_inputs(folder: &Path, state: &[f64], controls: impl Iterator<Item = f64>) -> Result<()> {
    let state: Vec<u8> = state.iter().flat_map(|v| v.to_le_bytes()).collect();
    let controls: Vec<u8> = controls.flat_map(f64::to_le_bytes).collect();
    for (name, content) in [("state.f64", state), ("controls.f64", controls)] {
        write_atomic(&folder.join(name), |w| w.write_all(&content))?;
    }
    Ok(())
}

/// Starts the peer `kind` for rollouts of `steps` physics steps, and returns the final positions of the first
/// candidate.
pub fn start(kind: &str, folder: &Path, threads: usize, steps: usize) -> Result<(Peer, String)> {
    Peer::c(PROGRAM, folder, &[kind.to_string(), MODEL.to_string(), threads.to_string(), steps.to_string()])
}

/// The bare physics of the candidates of decisions.
pub struct Bare {
    folder: ScratchFolder,
    sim: Simulation,
    control: Control,
    substeps: usize,
    threads: usize,
    peer: Option<Peer>,
    /// Times so far.
    pub ms: Vec<f64>,
}

impl Bare {
    /// For decisions of `task`.
    pub fn new(task: &Task, threads: usize) -> Result<Self> {
        let folder = ScratchFolder::new()?;
        save_model(task, Of::Planner, &folder.0)?;
        Ok(Self {
            folder,
            sim: Simulation::new(task.planning_model().clone()).map_err(Failure::Run)?,
            control: task.control().clone(),
            substeps: task.planning_substeps(),
            threads,
            peer: None,
            ms: Vec::new(),
        })
    }

    /// Has the peer roll out `chunks` (N, T, A) from `state`, by the controls of every physics step.
    pub fn measure(&mut self, state: &[f64], chunks: &[f32], (n, steps): (usize, usize)) -> Result<()> {
        let moving = self.control.moves_targets();
        let mut controls = Vec::new();
        for chunk in chunks.chunks_exact(chunks.len() / n) {
            self.sim.set_state(state).map_err(Failure::Run)?;
            for action in chunk.chunks_exact(chunk.len() / steps) {
                let start = self.sim.data().ctrl().to_vec();
                // One that diverges is a NaN or stands still for the peer too.
                let _ = self.control.execute(&mut self.sim, action, self.substeps);
                let goal = self.sim.data().ctrl();
                for step in 1..=self.substeps {
                    let part = if moving { step as f64 / self.substeps as f64 } else { 1.0 };
                    controls.extend(start.iter().zip(goal).map(|(a, b)| a + part * (b - a)));
                }
            }
        }
        write_inputs(&self.folder.0, state, controls.into_iter())?;
        let peer = match &mut self.peer {
            Some(peer) => peer,
            none => none.insert(start(POOL, &self.folder.0, self.threads, steps * self.substeps)?.0),
        };
        self.ms.push(peer.measure("")? * 1e3);
        Ok(())
    }
}
