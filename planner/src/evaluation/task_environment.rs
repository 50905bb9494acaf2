//! Our tasks as environments: MuJoCo worlds, stepped on all threads.
//!
//! For a generator with pictures the calling thread draws them before each decision
//! ([`crate::evaluation::ObservationRenderer`]).

use super::environment::Environment;
use super::evaluator::{Lockstep, in_lockstep};
use super::outcome::{EpisodeResult, EvaluationSettings, Outcome, Progress};
use super::{episode_runner::EpisodeRunner, observation_renderer::ObservationRenderer};
use crate::decide::{CandidateSet, Decide, Decision};
use crate::episode::EpisodeState;
use crate::error::Result;
use imle_configs::{bounds::ActionBounds, spec::Horizons, spec::Spec};
use imle_envs::task::Task;
use rayon::prelude::*;
use std::{ops::Range, sync::Arc};

/// Most episodes at a time: each has a world in memory.
const MOST_IN_LOCKSTEP: usize = 1024;

/// At most 1024 episodes at a time.
impl Environment for Arc<Task> {
    fn spec(&self) -> &Spec {
        Task::spec(self)
    }

    fn max_steps(&self) -> usize {
        Task::max_steps(self)
    }

    fn horizons(&self, trained: Horizons) -> Horizons {
        Task::horizons(self, trained)
    }

    fn action_bounds(&self) -> &ActionBounds {
        Task::action_bounds(self)
    }

    fn reward_bounds(&self) -> [f64; 2] {
        self.reward().bounds()
    }

    /// Rewards of tasks are such that returns have their bounds.
    fn return_bounds(&self, _: f64) -> [f64; 2] {
        self.reward().bounds()
    }

    fn identity(&self) -> String {
        let mismatch = self.mismatch().map_or(String::new(), |m| format!(", mismatch {}", m.name));
        format!("{}{mismatch}, reward {}", self.name(), self.reward().kind)
    }

    fn task(&self) -> Option<&Arc<Task>> {
        Some(self)
    }

    fn run(
        &self,
        decider: &mut dyn Decide,
        settings: &EvaluationSettings,
        pool: &rayon::ThreadPool,
        progress: &mut dyn Progress,
    ) -> Result<Outcome> {
        let mut worlds = Worlds { task: self, settings, pool, renderer: ObservationRenderer::new(self)? };
        let outcome = in_lockstep(&mut worlds, decider, settings, pool, progress)?;
        let reported = self.reported().map(|(name, _)| name.to_string()).collect();
        Ok(Outcome { reported, ..outcome })
    }
}

/// Worlds of a task.
struct Worlds<'a> {
    task: &'a Arc<Task>,
    settings: &'a EvaluationSettings,
    pool: &'a rayon::ThreadPool,
    renderer: Option<ObservationRenderer>,
}

impl Lockstep for Worlds<'_> {
    type Episode = EpisodeRunner;

    /// Whole blocks, so that the times of decisions are those of as many episodes.
    const REFILLS: bool = false;

    fn most(&self) -> usize {
        MOST_IN_LOCKSTEP
    }

    fn begin(&mut self, offsets: Range<usize>) -> Result<Vec<EpisodeRunner>> {
        let start = |offset| EpisodeRunner::start(self.task, self.settings, offset);
        self.pool.install(|| offsets.into_par_iter().map(start).collect())
    }

    fn state(runner: &mut EpisodeRunner) -> &mut EpisodeState {
        &mut runner.recorder.state
    }

    fn look(&mut self, runner: &mut EpisodeRunner, states: &mut Vec<f64>) -> Result<()> {
        if let Some(renderer) = &mut self.renderer {
            runner.look(renderer)?;
        }
        let at = states.len();
        states.resize(at + runner.world.state_size(), 0.0);
        Ok(runner.world.perceived_state(&mut states[at..])?)
    }

    fn begin_plan(&self, runner: &mut EpisodeRunner, decision: Decision) {
        runner.begin_plan(decision);
    }

    fn keep_plan(runner: &mut EpisodeRunner, state: &[f64], candidates: Option<CandidateSet<'_>>) {
        runner.keep_plan(state, candidates);
    }

    fn execute(&mut self, running: &mut [EpisodeRunner]) -> Result<()> {
        self.pool.install(|| running.par_iter_mut().with_max_len(1).try_for_each(EpisodeRunner::execute))
    }

    fn over(runner: &EpisodeRunner) -> Option<bool> {
        runner.world.done().then(|| runner.world.success())
    }

    fn finish(&mut self, mut runner: EpisodeRunner) -> Result<EpisodeResult> {
        if let Some(renderer) = self.renderer.as_mut().filter(|_| self.settings.keep_actions) {
            runner.keep_pictures(renderer)?;
        }
        Ok(runner.finish())
    }
}

#[cfg(all(test, feature = "libtorch"))]
mod tests {
    use super::*;
    use crate::{evaluation::evaluate, policy_controller::PolicyController};
    use imle_configs::seed::Purpose;
    use imle_envs::task::{file::RewardKind, reward::End};
    use imle_envs::world::World;
    use imle_policy::policy::Policy;

    /// The rewards of an episode, from the costs that its actions bring in a world of their own.
    fn replayed(task: &Arc<Task>, episode: &EpisodeResult, discount: f64) -> Vec<f64> {
        let mut world = World::new(task.clone()).unwrap();
        world.reset(5, Purpose::Reset, episode.episode).unwrap();
        let mut costs = vec![world.cost()];
        for action in episode.actions.chunks(task.spec().action.size()) {
            world.step(action);
            costs.push(world.cost());
        }
        let end = if episode.success { Some(End::Solved) } else { episode.lost.then_some(End::Lost) };
        let of =
            |(t, c): (usize, &[f64])| task.reward().of(c[0], c[1], end.filter(|_| t + 1 == episode.steps), discount);
        costs.windows(2).enumerate().map(of).collect()
    }

    #[test]
    fn episodes_of_a_task_carry_the_rewards_of_its_costs() {
        let pool = crate::threads::pool(2).unwrap();
        let mut ends = [0; 3];
        for (name, kind) in [
            ("cylinder_push", RewardKind::Sparse),
            ("avoid", RewardKind::Cost),
            ("cylinder_push", RewardKind::Progress),
        ] {
            let task = Arc::new(Task::load(name).unwrap().with_reward(kind));
            let policy = Policy::pretrained(&*task).unwrap();
            let horizons = Environment::horizons(&task, policy.horizons());
            let mut alone = PolicyController::new(policy, 0, horizons);
            let settings = EvaluationSettings {
                keep_actions: true,
                discount: 0.9,
                ..EvaluationSettings::held_out(12, 5, horizons)
            };
            for e in evaluate(&task, &mut alone, &settings, &pool, &mut ()).unwrap().episodes {
                assert_eq!(e.rewards, replayed(&task, &e, 0.9), "{name}, episode {}", e.episode);
                assert!((e.total_reward - e.rewards.iter().sum::<f64>()).abs() < 1e-9);
                assert_eq!(e.terminated, e.success || e.lost);
                ends[if e.success { 0 } else { 1 + usize::from(e.lost) }] += 1;
            }
        }
        assert!(ends[0] > 0 && ends[1] + ends[2] > 0, "solved, cut off, lost: {ends:?}");
    }
}
