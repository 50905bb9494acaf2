//! The settings of the algorithms that learn online; each algorithm reads the shared sections and the one of its name.

use crate::critic::settings::CriticSettings;
use imle_configs::Error as InputError;
use imle_policy::train::TrainSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Sections that one algorithm alone reads, each bearing its name.
const OWN_SECTIONS: [&str; 3] = ["edit", "best_of_n", "ppo"];

/// OnlineSettings of the algorithms that learn online.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OnlineSettings {
    /// Episodes an iteration.
    pub episodes: usize,
    /// Episodes in lock-step.
    pub lockstep: usize,
    /// Discount γ of a control step: what is solved a hundred steps later counts γ¹⁰⁰.
    pub discount: f64,
    /// Control steps in the world between evaluations of the generator alone, which also take the measures of its
    /// modes.
    pub evaluate_every: u64,
    /// Held-out episodes an evaluation.
    pub evaluation_episodes: usize,
    /// Control steps in the world at the beginning in which the generator acts as it came, and only critics learn.
    pub warmup_steps: u64,
    /// libtorch's threads of the learner; results are the same bits only at the same number.
    pub learner_threads: usize,
    /// Training of the generator.
    pub actor: ActorSettings,
    /// Training of critics.
    pub critic: CriticSettings,
    /// Anchor that keeps the generator's modes.
    pub anchor: AnchorSettings,
    /// Settings of `edit` alone.
    pub edit: EditSettings,
    /// Settings of `best-of-n` alone.
    pub best_of_n: BestOfNSettings,
    /// Settings of `ppo` alone.
    pub ppo: PpoSettings,
}

/// `[actor]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActorSettings {
    /// Learning rate, constant after 100 steps of warm-up.
    pub learning_rate: f64,
    /// States a step.
    pub batch_size: usize,
    /// Latents a state of RS-IMLE (m).
    pub samples: usize,
    /// Rejection distance of RS-IMLE (ε).
    pub epsilon: f64,
    /// Steps for every decision collected.
    pub steps_per_decision: f64,
}

/// `[anchor]`: RS-IMLE on solved episodes and demonstrations beside what an algorithm maximises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnchorSettings {
    /// Weight of its loss.
    pub weight: f64,
    /// Share of its states drawn from the demonstrations, if there are any; the rest are from solved episodes.
    pub demonstration_share: f64,
    /// Solved episodes that are learned from, the last ones.
    pub most_episodes: usize,
    /// Recall of the generator as it came below which (as a share of what it was) the weight and the share of
    /// demonstrations rise.
    pub recall_floor: f64,
    /// Entropy of the modes below which (as a share of what it was) they rise.
    pub entropy_floor: f64,
}

/// `[edit]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EditSettings {
    /// Factor of the bounds of an edit: of a pose 8 mm, 0.08 rad and a quarter of the gripper's opening, of any other
    /// action a fortieth of half its range.
    pub scale: f64,
    /// Chunks of which the critic chooses one.
    pub candidates: usize,
    /// Share of the episodes collected in which it is the first one instead, so that all modes are met.
    pub first_share: f64,
    /// Control steps that an edit is held; 0 for a whole chunk.
    pub hold: usize,
    /// Share of the edits in the warm-up that are drawn, as likely small as large. Few and large ones show what an edit
    /// does, where noise on all of them would hide it.
    pub warmup_explore: f64,
    /// That of later.
    pub explore: f64,
    /// Deviation of the noise on all edits, as a share of their bounds.
    pub noise: f64,
    /// Decisions of the returns that the critic learns from, n.
    pub steps: usize,
    /// Members of the critic, drawn anew for every step, of which the lowest value is what a state is worth.
    pub target_members: usize,
    /// Whether what was cut off by the time limit might have gone on. Otherwise it is lost, and a state that hangs is
    /// worth nothing at once.
    pub cut_off_goes_on: bool,
    /// Steps of the critic before the edit learns, the first half of them on the returns that followed.
    pub critic_updates: u64,
    /// Steps of the critic for every control step collected.
    pub updates_per_step: f64,
    /// Steps of the critic for one of the edit.
    pub actor_every: u64,
    /// Learning rate of the edit.
    pub learning_rate: f64,
    /// Deviations of the critic's members by which the edit takes a value for lower than their mean.
    pub pessimism: f64,
    /// λ of the mean square of an edit: what an edit must gain.
    pub penalty: f64,
    /// Share of the demonstrations in every batch, if there are any.
    pub demonstration_share: f64,
    /// States of the run in which the generator is taught at the end.
    pub distill_states: usize,
    /// Chunks that are drawn and edited in each.
    pub distill_candidates: usize,
    /// Of them, those that it learns to draw: the best by the critic.
    pub distill_elites: usize,
    /// Steps of its training; 0 leaves the generator as it came.
    pub distill_steps: u64,
}

/// `[best_of_n]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BestOfNSettings {
    /// Candidates of a decision while collecting.
    pub candidates: usize,
    /// Share of the episodes in which the generator acts alone.
    pub generator_share: f64,
    /// Candidates of a state that the generator learns from.
    pub elite_candidates: usize,
    /// Of them, those that it learns from: the best by the critic.
    pub elites: usize,
    /// Share of the generator's states that have elites as targets.
    pub elite_share: f64,
}

/// `[ppo]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PpoSettings {
    /// Deviation of the action about the generator's chunk, normalised units.
    pub sigma: f64,
    /// Clip of the ratio, of the mean log-probability over executed dimensions.
    pub clip: f64,
    /// λ of generalised advantage estimation, a decision.
    pub lambda: f64,
    /// Times that an iteration's decisions are learned from.
    pub epochs: usize,
    /// An iteration's updates end when the mean of (ρ − 1) − ln ρ exceeds this.
    pub target_kl: f64,
    /// λ of ‖G(s, z) − G_0(s, z)‖², a value, with the same z.
    pub anchor: f64,
}

impl Default for OnlineSettings {
    fn default() -> Self {
        let train = TrainSettings::default();
        Self {
            episodes: 16,
            lockstep: 64,
            discount: 0.99,
            evaluate_every: 25_000,
            evaluation_episodes: 200,
            warmup_steps: 5_000,
            learner_threads: 1,
            actor: ActorSettings {
                learning_rate: 5e-4,
                batch_size: 64,
                samples: train.samples,
                epsilon: train.epsilon,
                steps_per_decision: 0.5,
            },
            critic: CriticSettings::default(),
            anchor: AnchorSettings {
                weight: 1.0,
                demonstration_share: 0.3,
                most_episodes: 400,
                recall_floor: 0.95,
                entropy_floor: 0.9,
            },
            edit: EditSettings {
                scale: 2.0,
                candidates: 8,
                first_share: 0.5,
                hold: 0,
                warmup_explore: 0.2,
                explore: 0.1,
                noise: 0.05,
                steps: 2,
                target_members: 2,
                cut_off_goes_on: false,
                critic_updates: 2_000,
                updates_per_step: 0.5,
                actor_every: 2,
                learning_rate: 1e-5,
                pessimism: 1.0,
                penalty: 0.02,
                demonstration_share: 0.5,
                distill_states: 20_000,
                distill_candidates: 16,
                distill_elites: 2,
                distill_steps: 8_000,
            },
            best_of_n: BestOfNSettings {
                candidates: 32,
                generator_share: 0.25,
                elite_candidates: 32,
                elites: 4,
                elite_share: 0.5,
            },
            ppo: PpoSettings { sigma: 0.05, clip: 0.05, lambda: 0.95, epochs: 5, target_kl: 0.02, anchor: 0.1 },
        }
    }
}

impl OnlineSettings {
    /// These settings as `algorithm` reads them: without the sections of the others.
    ///
    /// # Errors
    /// None that is known; they all have a written form.
    pub fn read_by(&self, algorithm: &str) -> imle_configs::Result<serde_json::Value> {
        let written = serde_json::to_value(self);
        let mut written = written.map_err(|e| InputError::unexpected("settings", "values with a written form", e))?;
        if let Some(sections) = written.as_object_mut() {
            let own = algorithm.replace('-', "_");
            sections.retain(|key, _| *key == own || !OWN_SECTIONS.contains(&key.as_str()));
        }
        Ok(written)
    }

    /// Checks what does not depend on the task.
    ///
    /// # Errors
    /// A bad input that names the key.
    pub fn check(&self) -> imle_configs::Result<()> {
        let require = |holds: bool, key: &str, expected: &str, found: &dyn Display| {
            InputError::ensure(holds, format_args!("settings: {key}"), expected, found)
        };
        for (key, count) in [
            ("episodes", self.episodes),
            ("lockstep", self.lockstep),
            ("evaluation_episodes", self.evaluation_episodes),
            ("learner_threads", self.learner_threads),
            ("actor.batch_size", self.actor.batch_size),
            ("actor.samples", self.actor.samples),
            ("critic.width", self.critic.width),
            ("critic.batch_size", self.critic.batch_size),
            ("critic.target_candidates", self.critic.target_candidates),
            ("anchor.most_episodes", self.anchor.most_episodes),
            ("edit.candidates", self.edit.candidates),
            ("edit.steps", self.edit.steps),
            ("edit.target_members", self.edit.target_members),
            ("edit.distill_states", self.edit.distill_states),
            ("edit.distill_candidates", self.edit.distill_candidates),
            ("edit.distill_elites", self.edit.distill_elites),
            ("best_of_n.candidates", self.best_of_n.candidates),
            ("best_of_n.elites", self.best_of_n.elites),
            ("ppo.epochs", self.ppo.epochs),
        ] {
            require((1..=1 << 20).contains(&count), key, "1 to 1048576", &count)?;
        }
        let members = self.critic.members;
        require((2..=1 << 10).contains(&members), "critic.members", "2 to 1024", &members)?;
        let (candidates, elites) = (self.best_of_n.elite_candidates, self.best_of_n.elites);
        require(candidates >= elites, "best_of_n.elite_candidates", "at least best_of_n.elites", &candidates)?;
        require(self.evaluate_every > 0, "evaluate_every", "at least 1 control step", &0)?;
        let (candidates, elites) = (self.edit.distill_candidates, self.edit.distill_elites);
        require(candidates >= elites, "edit.distill_candidates", "at least edit.distill_elites", &candidates)?;
        require(self.edit.actor_every > 0, "edit.actor_every", "at least 1 step", &0)?;
        let initial = self.critic.initial;
        require(initial > 0.0 && initial < 1.0, "critic.initial", "above 0 and below 1", &initial)?;
        for (key, value) in [
            ("actor.learning_rate", self.actor.learning_rate),
            ("actor.steps_per_decision", self.actor.steps_per_decision),
            ("critic.learning_rate", self.critic.learning_rate),
            ("critic.steps_per_decision", self.critic.steps_per_decision),
            ("critic.most_above", self.critic.most_above),
            ("edit.scale", self.edit.scale),
            ("edit.updates_per_step", self.edit.updates_per_step),
            ("edit.learning_rate", self.edit.learning_rate),
            ("ppo.sigma", self.ppo.sigma),
            ("ppo.clip", self.ppo.clip),
            ("ppo.target_kl", self.ppo.target_kl),
        ] {
            require(value > 0.0 && value.is_finite(), key, "a number above 0", &value)?;
        }
        for (key, value) in [
            ("actor.epsilon", self.actor.epsilon),
            ("critic.weight_decay", self.critic.weight_decay),
            ("anchor.weight", self.anchor.weight),
            ("edit.noise", self.edit.noise),
            ("edit.penalty", self.edit.penalty),
            ("edit.pessimism", self.edit.pessimism),
            ("ppo.anchor", self.ppo.anchor),
        ] {
            require(value >= 0.0 && value.is_finite(), key, "a number of at least 0", &value)?;
        }
        for (key, value) in [
            ("discount", self.discount),
            ("critic.follow", self.critic.follow),
            ("anchor.demonstration_share", self.anchor.demonstration_share),
            ("anchor.recall_floor", self.anchor.recall_floor),
            ("anchor.entropy_floor", self.anchor.entropy_floor),
            ("edit.first_share", self.edit.first_share),
            ("edit.warmup_explore", self.edit.warmup_explore),
            ("edit.explore", self.edit.explore),
            ("edit.demonstration_share", self.edit.demonstration_share),
            ("best_of_n.generator_share", self.best_of_n.generator_share),
            ("best_of_n.elite_share", self.best_of_n.elite_share),
            ("ppo.lambda", self.ppo.lambda),
        ] {
            require((0.0..=1.0).contains(&value), key, "0 to 1", &value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imle_configs::settings::load;

    #[test]
    fn an_algorithm_has_no_settings_of_others() {
        let read = OnlineSettings::default().read_by("best-of-n").unwrap();
        let settings: OnlineSettings = load(&read, None, &["best_of_n.candidates=5".into()]).unwrap();
        let changed = BestOfNSettings { candidates: 5, ..OnlineSettings::default().best_of_n };
        assert_eq!(settings, OnlineSettings { best_of_n: changed, ..OnlineSettings::default() });
        let refused = load::<OnlineSettings>(&read, None, &["ppo.sigma=0.2".into()]).unwrap_err().to_string();
        assert!(refused.contains("unknown key `ppo`"), "{refused}");
    }

    #[test]
    fn bad_values_are_told_by_their_keys() {
        let told = |word: &str| {
            let settings: OnlineSettings = load(&OnlineSettings::default(), None, &[word.into()]).unwrap();
            settings.check().unwrap_err().to_string()
        };
        OnlineSettings::default().check().unwrap();
        for word in ["episodes=0", "critic.members=1", "discount=1.5", "ppo.sigma=0.0", "actor.epsilon=-1.0"] {
            let key = word.split('=').next().unwrap();
            assert!(told(word).starts_with(&format!("settings: {key}: expected")), "{}", told(word));
        }
    }
}
