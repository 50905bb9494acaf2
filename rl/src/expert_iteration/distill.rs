//! Distilling a round: RS-IMLE on solved episodes and demonstrations.

use super::state::{EPISODES_FOLDER, ExpertIteration};
use crate::modes::{Floors, share_of_demonstrations};
use crate::{error::Result, mode_reweighting, run::Observer};
use imle_configs::{episode::Episode, files};
use imle_policy::checkpoint::Checkpoint;
use imle_policy::targets::{DemonstrationChunks, MixedTargets, TargetSource};
use imle_policy::train::{self, TrainMetrics, TrainObserver, TrainStart};
use std::sync::Arc;

impl ExpertIteration<'_> {
    /// Trains from the present weights on solved episodes and demonstrations.
    pub(super) fn distil(&self, round: u64, current: &Checkpoint, observer: &mut dyn Observer) -> Result<()> {
        let (mut solved, mut pictures) = (Vec::new(), Vec::new());
        let kept = self.settings.kept_rounds;
        let first = if kept == 0 { 1 } else { (round + 1).saturating_sub(kept).max(1) };
        for earlier in first..=round {
            let folder = self.folder(earlier).join(EPISODES_FOLDER);
            let episodes = imle_data::read(&folder)?.episodes;
            if let Some(layout) = &self.task.spec().pictures {
                let read = || imle_data::read_all_images(&folder, &layout.cameras, episodes.len());
                pictures.extend(self.pool.install(read)?.rgb);
            }
            solved.extend(episodes);
        }
        let pictures = self.task.spec().pictures.is_some().then(|| Arc::new(pictures));
        let solved = self.training_data(&solved, pictures)?;
        let share = self.share_of_demonstrations();
        let mut sources: Vec<(f64, &dyn TargetSource)> = vec![(1.0 - share, &solved)];
        if let Some(demonstrations) = &self.demonstrations {
            sources.push((share, demonstrations));
        }
        let targets = MixedTargets::new(&sources)?;
        let settings = self.settings.training(current, self.run.seed.wrapping_add(round));
        let out = self.folder(round).join("generator");
        let started = train::can_resume(&out);
        if !started {
            // Killed before its first state: there is nothing in it to go on from.
            files::remove(&out)?;
        }
        let data = format!("expert iteration, round {round}");
        let start = if started { TrainStart::Resume } else { TrainStart::Checkpoint { checkpoint: current, data } };
        let mut watch = Distilling { observer, round };
        let outcome = train::train(&settings, &self.pool, self.run.device, start, &targets, &out, &mut watch)?;
        if outcome.interrupted { Err(imle_planner::Error::Interrupted.into()) } else { Ok(()) }
    }

    /// The windows of solved episodes, drawn by their modes.
    fn training_data(&self, episodes: &[Episode], pictures: Option<Arc<Vec<u8>>>) -> Result<DemonstrationChunks> {
        let windows = self.run.windows(episodes, pictures)?;
        let Some(first) = self.state.rounds.first().filter(|_| self.settings.reweight_modes) else {
            return Ok(windows);
        };
        let modes: Vec<&str> = episodes.iter().map(|e| e.mode.as_str()).collect();
        let of_mode = mode_reweighting::weights(&modes, &first.figures);
        let weights: Vec<f64> = (0..windows.len()).map(|t| of_mode[windows.episode(t)]).collect();
        if weights.iter().all(|weight| *weight == 1.0) {
            return Ok(windows);
        }
        Ok(windows.with_weights(&weights)?)
    }

    /// Share of training states drawn from the demonstrations: more after rounds that lost modes.
    pub(super) fn share_of_demonstrations(&self) -> f64 {
        let settings = self.settings;
        let Some(first) = self.state.rounds.first().filter(|_| self.demonstrations.is_some()) else { return 0.0 };
        let floors = Floors { recall: settings.recall_floor, entropy: settings.entropy_floor };
        let least = settings.demonstration_share;
        self.state.rounds[1..].iter().fold(least, |share, round| {
            share_of_demonstrations(share, least, floors.missed(&first.figures, &round.figures))
        })
    }
}

struct Distilling<'o> {
    observer: &'o mut dyn Observer,
    round: u64,
}

impl TrainObserver for Distilling<'_> {
    fn logged(&mut self, m: &TrainMetrics) {
        self.observer.phase(self.round, "distil", m.step, m.steps, &format!("loss {:.4}", m.loss));
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}
