//! The generator with its edits, as a run has learned them, to act with.

use super::networks::EditNetworks;
use super::policy::{Bases, EditActing, EditPolicy};
use super::state::LearningState;
use crate::critic::{ensemble::StepCounters, settings::CriticSettings};
use crate::{error::Result, online::learner::damaged, replay::trajectory::Sizes};
use imle_configs::{Error as InputError, files, spec::Horizons};
use imle_planner::decide::{Decide, Decision, Situation};
use imle_policy::{checkpoint::Checkpoint, policy::Policy};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::Device;

/// Folder in that of a run.
pub const FOLDER: &str = "edits";
const FILE: &str = "edits.json";

/// `edits.json`: what is learned beside the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Edits {
    /// The learning state.
    pub state: LearningState,
    /// Sizes of an episode.
    pub sizes: Sizes,
    /// Settings of the critic.
    pub critic: CriticSettings,
    /// Least and greatest return.
    pub bounds: [f64; 2],
    /// Chunks of which the critic chooses one.
    pub candidates: usize,
    /// Control steps that an edit is held.
    pub hold: usize,
    /// Deviations of the critic's members by which a choice is taken for worse than their mean.
    pub pessimism: f64,
    /// Counters of the networks.
    pub counters: [StepCounters; 2],
}

impl Edits {
    /// Writes `networks` and the generator `base` to `folder` with them, in place of what was there.
    pub fn save(mut self, folder: &Path, networks: &EditNetworks, base: &Checkpoint) -> Result<()> {
        files::remove(folder)?;
        files::write_folder(folder, |folder| {
            base.save(folder)?;
            self.counters = networks.save(folder)?;
            Ok(files::write_checked(&folder.join(FILE), &self)?)
        })
    }
}

/// The generator with its edits. It decides every control step: T_act is 1.
///
/// A chunk of the generator is begun every C control steps: of several the one that the critic, edited or not, takes for
/// best.
pub struct EditedGenerator {
    networks: EditNetworks,
    base: Policy,
    sizes: Sizes,
    acting: EditActing,
    bases: Bases,
}

impl EditedGenerator {
    /// Reads what a run of `edit` has learned from the run's folder; `seed` is that of its draws.
    ///
    /// # Errors
    /// A bad input: no run of `edit` that has learned; a file that is damaged or of other sizes.
    pub fn load(run: &Path, seed: u64, threads: usize, device: Device) -> Result<Self> {
        let folder = run.join(FOLDER);
        let path = folder.join(FILE);
        let expected = "a run of planner finetune --algorithm edit that has learned";
        InputError::ensure(path.exists(), run.display(), expected, "no edits")?;
        let Edits { state, sizes, critic, bounds, candidates, hold, pessimism, counters } =
            serde_json::from_value(files::read_checked(&path, "edits")?).map_err(|e| damaged(&path, e))?;
        let networks = EditNetworks::new(&critic, state, bounds, seed, Some((&folder, counters)), device)?;
        let base = Policy::with_threads(&Checkpoint::load(&folder)?, threads, device)?;
        let acting = EditActing { candidates, hold, pessimism, seed, ..EditActing::default() };
        Ok(Self { networks, base, sizes, acting: EditActing { learned: true, ..acting }, bases: Bases::new() })
    }

    /// The generator that is edited.
    pub fn base(&self) -> &Policy {
        &self.base
    }

    /// The horizons with which it is run.
    pub fn horizons(&self) -> Horizons {
        Horizons { action: self.sizes.executed, ..self.base.checkpoint().config().horizons }
    }
}

impl Decide for EditedGenerator {
    fn sources(&self) -> Vec<&'static str> {
        vec!["edit"]
    }

    fn decide(
        &mut self,
        pool: &rayon::ThreadPool,
        situation: &Situation<'_>,
        chunks: &mut [f32],
        how: &mut [Decision],
    ) -> imle_planner::Result<()> {
        EditPolicy::new(&self.networks, &self.base, self.sizes, self.acting, &mut self.bases)
            .decide(pool, situation, chunks, how)
    }
}
