//! Environments of your own: episodes in the copies of a vector environment.

use super::environment::{Environment, sums};
use super::episode_recorder::EpisodeRecorder;
use super::evaluator::{Lockstep, in_lockstep};
use super::outcome::{EpisodeResult, EvaluationSettings, Outcome, Progress};
use super::vector_environment::{EnvironmentInfo, EpisodeStart, Seen, Stepped, VectorEnvironment};
use crate::decide::{Decide, Decision};
use crate::{episode::EpisodeState, error::Result};
use imle_configs::seed::stream;
use imle_configs::{Error as InputError, bounds::ActionBounds, spec::Horizons, spec::Spec};
use rand::RngCore;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Share by which a reward may lie outside its bounds: it may come from single precision.
const ROUNDING: f64 = 1e-6;

/// An environment of the copies of `V`.
///
/// Episodes run in lockstep, in as many copies as the settings and `V` allow; a copy begins the next episode as soon as
/// its own is over. Whatever comes back is checked: sizes, finite values, rewards within their bounds. A decider is told
/// no simulator state, so it must be one that needs none: a generator. Rewards with their sign turned stand for costs.
///
/// ```
/// use imle_planner::evaluation::{EnvironmentInfo, EpisodeStart, Seen, Stepped, VectorEnvironment, Vectorized};
/// use imle_planner::evaluation::{EvaluationSettings, evaluate};
/// # use imle_configs::{bounds::ActionBounds, spec::{Horizons, Layout, Spec, Term}};
/// # use imle_planner::decide::{Decide, Decision, Situation};
/// # struct Right;
/// # impl Decide for Right {
/// #     fn sources(&self) -> Vec<&'static str> { vec!["right"] }
/// #     fn decide(&mut self, _: &rayon::ThreadPool, _: &Situation<'_>, chunks: &mut [f32], how: &mut [Decision])
/// #         -> imle_planner::Result<()> {
/// #         chunks.fill(0.2);
/// #         how.fill(Decision::default());
/// #         Ok(())
/// #     }
/// # }
///
/// /// Points on a line, each to be moved to 1.
/// struct Points(Vec<f32>);
///
/// impl VectorEnvironment for Points {
///     fn copies(&self) -> usize {
///         self.0.len()
///     }
///
///     fn reset(&mut self, starts: &[EpisodeStart]) -> imle_planner::Result<Vec<Seen>> {
///         let begin = |start: &EpisodeStart| {
///             self.0[start.slot] = 0.0;
///             Seen { observation: vec![0.0], pictures: vec![] }
///         };
///         Ok(starts.iter().map(begin).collect())
///     }
///
///     fn step(&mut self, slots: &[usize], actions: &[f32]) -> imle_planner::Result<Vec<Stepped>> {
///         let step = |(slot, action): (&usize, &f32)| {
///             self.0[*slot] += action;
///             let there = self.0[*slot] >= 0.99;
///             let seen = Seen { observation: vec![self.0[*slot]], pictures: vec![] };
///             Stepped { seen, reward: f64::from(u8::from(there)), terminated: there, truncated: false, success: there }
///         };
///         Ok(slots.iter().zip(actions).map(step).collect())
///     }
/// }
///
/// # let layout = |name: &str| Layout { terms: vec![Term { name: name.into(), size: 1 }] };
/// # let (observation, action) = (layout("position"), layout("step"));
/// # let spec = Spec { task: "points".into(), control_rate: 10.0, observation, action, pictures: None };
/// # let horizons = Horizons { observation: 1, prediction: 4, action: 2 };
/// # let (mut policy, pool) = (Right, imle_planner::threads::pool(1)?);
/// let about = EnvironmentInfo {
///     spec,
///     control_rate: None,
///     max_steps: 50,
///     execute: None,
///     action_bounds: ActionBounds::new([-0.25], [0.25]),
///     reward_bounds: [0.0, 1.0],
///     return_bounds: Some([0.0, 1.0]),
///     identity: "points 1.0".into(),
/// };
/// let points = Vectorized::new(about, Points(vec![0.0; 3]))?;
/// let outcome = evaluate(&points, &mut policy, &EvaluationSettings::held_out(10, 0, horizons), &pool, &mut ())?;
/// assert_eq!((outcome.solved(), outcome.mean_return(), outcome.episodes[9].steps), (10, 1.0, 5));
/// # Ok::<(), imle_planner::Error>(())
/// ```
pub struct Vectorized<V> {
    about: EnvironmentInfo,
    copies: Mutex<V>,
}

impl<V: VectorEnvironment> Vectorized<V> {
    /// Of `copies`, which are as `about` says.
    ///
    /// # Errors
    /// A bad input that names what does not fit.
    pub fn new(about: EnvironmentInfo, copies: V) -> Result<Self> {
        about.check()?;
        let place = format!("environment {}: copies", about.spec.task);
        InputError::ensure(copies.copies() > 0, place, "at least 1", 0)?;
        Ok(Self { about, copies: Mutex::new(copies) })
    }

    /// The copies again.
    pub fn into_inner(self) -> V {
        self.copies.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One evaluation runs at a time; another waits for it.
impl<V: VectorEnvironment> Environment for Vectorized<V> {
    fn spec(&self) -> &Spec {
        &self.about.spec
    }

    fn max_steps(&self) -> usize {
        self.about.max_steps
    }

    fn horizons(&self, trained: Horizons) -> Horizons {
        let action = self.about.execute.map_or(trained.action, |n| n.min(trained.prediction));
        Horizons { action, ..trained }
    }

    fn action_bounds(&self) -> &ActionBounds {
        &self.about.action_bounds
    }

    fn reward_bounds(&self) -> [f64; 2] {
        self.about.reward_bounds
    }

    fn return_bounds(&self, discount: f64) -> [f64; 2] {
        self.about.return_bounds.unwrap_or_else(|| sums(self.about.reward_bounds, self.about.max_steps, discount))
    }

    fn control_rate(&self) -> Option<f64> {
        self.about.control_rate
    }

    fn identity(&self) -> String {
        self.about.identity.clone()
    }

    fn run(
        &self,
        decider: &mut dyn Decide,
        settings: &EvaluationSettings,
        pool: &rayon::ThreadPool,
        progress: &mut dyn Progress,
    ) -> Result<Outcome> {
        let asked =
            [("starts", settings.starts.is_some()), ("mode", settings.mode.is_some()), ("record", settings.record > 0)];
        for (key, asked) in asked {
            let place = format!("environment {}: {key}", self.about.spec.task);
            InputError::ensure(!asked, place, "none where the simulator is not ours", "some")?;
        }
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let free = (0..copies.copies()).rev().collect();
        let mut lanes = Lanes { about: &self.about, copies: &mut *copies, settings, free };
        in_lockstep(&mut lanes, decider, settings, pool, progress)
    }
}

/// The copies during an evaluation.
struct Lanes<'a, V> {
    about: &'a EnvironmentInfo,
    copies: &'a mut V,
    settings: &'a EvaluationSettings,
    /// Slots without an episode, the first last.
    free: Vec<usize>,
}

/// An episode in its slot.
struct Lane {
    slot: usize,
    steps: usize,
    over: bool,
    recorder: EpisodeRecorder,
}

impl Lane {
    fn place(&self, part: &str) -> String {
        format!("episode {}, step {}: {part}", self.recorder.result.episode, self.steps)
    }

    /// Takes in what is seen, if it fits.
    fn see(&mut self, seen: &Seen, about: &EnvironmentInfo) -> Result<()> {
        let pictures = about.spec.pictures.as_ref().map_or(0, |layout| layout.bytes());
        let parts = [
            ("observation", "values", seen.observation.len(), about.spec.observation.size()),
            ("pictures", "bytes", seen.pictures.len(), pictures),
        ];
        for (part, unit, found, expected) in parts {
            InputError::ensure(found == expected, self.place(part), format_args!("{expected} {unit}"), found)?;
        }
        if let Some((index, value)) = seen.observation.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            let place = self.place(&format!("observation[{index}]"));
            return Err(InputError::unexpected(place, "a finite number", value).into());
        }
        match pictures {
            0 => self.recorder.state.observe(&seen.observation),
            _ => self.recorder.state.observe_with(&seen.observation, &seen.pictures),
        }
    }

    /// Notes what is seen and done now.
    fn act(&mut self) {
        self.recorder.act();
        let seen = self.recorder.state.pictures();
        if self.recorder.keep_actions && !seen.is_empty() {
            let one = seen.len() / self.recorder.state.horizons().observation;
            self.recorder.result.pictures.extend_from_slice(&seen[seen.len() - one..]);
        }
    }

    /// Takes in what came of an action.
    fn take(&mut self, stepped: &Stepped, about: &EnvironmentInfo) -> Result<()> {
        self.steps += 1;
        self.see(&stepped.seen, about)?;
        let ([low, high], reward) = (about.reward_bounds, stepped.reward);
        let within = low - ROUNDING * low.abs() <= reward && reward <= high + ROUNDING * high.abs();
        let expected = format_args!("a finite number from {low} to {high}");
        InputError::ensure(reward.is_finite() && within, self.place("reward"), expected, reward)?;
        self.recorder.earn(-reward, reward);
        self.recorder.realise();
        self.over = stepped.terminated || stepped.truncated || self.steps >= about.max_steps;
        let result = &mut self.recorder.result;
        (result.success, result.terminated) = (stepped.success, stepped.terminated);
        Ok(())
    }
}

/// Checks that there is something of each of `lanes`.
fn all(lanes: &[Lane], call: &str, found: usize) -> Result<()> {
    let place = || lanes.first().map_or_else(String::new, |lane| lane.place(call));
    let expected = format_args!("{} copies", lanes.len());
    if found == lanes.len() { Ok(()) } else { Err(InputError::unexpected(place(), expected, found).into()) }
}

impl<V: VectorEnvironment> Lockstep for Lanes<'_, V> {
    type Episode = Lane;

    const REFILLS: bool = true;

    fn most(&self) -> usize {
        self.copies.copies()
    }

    fn begin(&mut self, offsets: Range<usize>) -> Result<Vec<Lane>> {
        let (settings, spec) = (self.settings, &self.about.spec);
        let sizes = (spec.observation.size(), spec.action.size());
        let lane = |(slot, offset)| {
            let recorder = EpisodeRecorder::new(settings, offset, sizes);
            Lane { slot, steps: 0, over: false, recorder }
        };
        let slots = self.free.split_off(self.free.len().saturating_sub(offsets.len()));
        let mut lanes: Vec<Lane> = slots.into_iter().rev().zip(offsets).map(lane).collect();
        let start = |lane: &Lane| {
            let (slot, episode) = (lane.slot, lane.recorder.result.episode);
            let seed = stream(settings.seed, settings.purpose, episode, 0, 0).next_u32();
            EpisodeStart { purpose: settings.purpose, slot, episode, seed }
        };
        let seen = self.copies.reset(&lanes.iter().map(start).collect::<Vec<_>>())?;
        all(&lanes, "reset", seen.len())?;
        lanes.iter_mut().zip(&seen).try_for_each(|(lane, seen)| lane.see(seen, self.about))?;
        Ok(lanes)
    }

    fn state(lane: &mut Lane) -> &mut EpisodeState {
        &mut lane.recorder.state
    }

    fn look(&mut self, _: &mut Lane, _: &mut Vec<f64>) -> Result<()> {
        Ok(())
    }

    fn begin_plan(&self, lane: &mut Lane, decision: Decision) {
        lane.recorder.begin_plan(decision, &self.about.action_bounds);
    }

    /// One control step: an episode that ends makes room at once.
    fn execute(&mut self, running: &mut [Lane]) -> Result<()> {
        let slots: Vec<usize> = running.iter().map(|lane| lane.slot).collect();
        let mut actions = Vec::with_capacity(running.len() * self.about.action_bounds.size());
        for lane in running.iter_mut() {
            lane.act();
            let planned = lane.recorder.state.next_action().iter().enumerate();
            actions.extend(planned.map(|(i, value)| self.about.action_bounds.clamp(i, *value)));
        }
        let stepped = self.copies.step(&slots, &actions)?;
        all(running, "step", stepped.len())?;
        running.iter_mut().zip(&stepped).try_for_each(|(lane, stepped)| lane.take(stepped, self.about))
    }

    fn over(lane: &Lane) -> Option<bool> {
        lane.over.then_some(lane.recorder.result.success)
    }

    fn finish(&mut self, lane: Lane) -> Result<EpisodeResult> {
        self.free.push(lane.slot);
        let mut result = lane.recorder.finish(lane.steps);
        result.lost = result.terminated && !result.success;
        if !result.success {
            result.pictures = Vec::new();
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, decide::Situation, evaluation::evaluate};
    use imle_configs::spec::{ImageLayout, Layout, Term};

    const HORIZONS: Horizons = Horizons { observation: 2, prediction: 4, action: 3 };

    /// Change of what is said.
    type Fault = fn(&mut Stepped);

    /// Positions that actions add up to; episode e lasts 1 + 4 (e mod 2) steps and is solved.
    struct Walk {
        copies: Vec<(u64, usize, f32)>,
        fault: Fault,
        /// Episode and step of the fault; all, if none is named.
        at: Option<(u64, usize)>,
        /// Slots of every step, and the actions.
        calls: Vec<Vec<usize>>,
        actions: Vec<f32>,
        pictures: usize,
    }

    impl Walk {
        fn seen(&self, slot: usize) -> Seen {
            let (episode, step, x) = self.copies[slot];
            let pictures = if self.pictures > 0 { vec![(10 * episode) as u8 + step as u8; 3] } else { vec![] };
            Seen { observation: vec![x, episode as f32], pictures }
        }
    }

    impl VectorEnvironment for Walk {
        fn copies(&self) -> usize {
            self.copies.len()
        }

        fn reset(&mut self, starts: &[EpisodeStart]) -> Result<Vec<Seen>> {
            let begin = |start: &EpisodeStart| {
                self.copies[start.slot] = (start.episode, 0, start.seed as f32 / u32::MAX as f32);
                self.seen(start.slot)
            };
            Ok(starts.iter().map(begin).collect())
        }

        fn step(&mut self, slots: &[usize], actions: &[f32]) -> Result<Vec<Stepped>> {
            self.calls.push(slots.to_vec());
            self.actions.extend(actions);
            let mut stepped = Vec::new();
            for (slot, action) in slots.iter().zip(actions) {
                let (episode, step, x) = &mut self.copies[*slot];
                (*step, *x) = (*step + 1, *x + action);
                let (episode, step) = (*episode, *step);
                let over = step > 4 * (episode as usize % 2);
                let (seen, reward) = (self.seen(*slot), f64::from(*action));
                let mut one = Stepped { seen, reward, terminated: over, truncated: false, success: over };
                if self.at.is_none_or(|at| at == (episode, step)) {
                    (self.fault)(&mut one);
                }
                stepped.push(one);
            }
            // One that sees nothing is left out.
            stepped.retain(|one| !one.seen.observation.is_empty());
            Ok(stepped)
        }
    }

    /// Plans that depend on the episode, the decision and what was seen.
    struct Waves(Vec<usize>);

    impl Decide for Waves {
        fn sources(&self) -> Vec<&'static str> {
            vec!["waves"]
        }

        fn decide(
            &mut self,
            _: &rayon::ThreadPool,
            situation: &Situation<'_>,
            chunks: &mut [f32],
            how: &mut [Decision],
        ) -> Result<()> {
            self.0.push(how.len());
            how.fill(Decision::default());
            assert!(situation.states.is_empty());
            for (b, (key, chunk)) in situation.keys.iter().zip(chunks.chunks_exact_mut(4)).enumerate() {
                let seen = &situation.observations[4 * b..][..4];
                assert_eq!([seen[1], seen[3]], [key.episode as f32; 2]);
                let wave = |t: usize| (0.3 * (key.episode + key.decision) as f32 + seen[2] - seen[0] + t as f32).sin();
                (0..4).for_each(|t| chunk[t] = wave(t));
            }
            Ok(())
        }
    }

    fn info() -> EnvironmentInfo {
        let layout = |name: &str, size| Layout { terms: vec![Term { name: name.into(), size }] };
        let (observation, action) = (layout("x", 2), layout("dx", 1));
        EnvironmentInfo {
            spec: Spec { task: "walk".into(), control_rate: 10.0, observation, action, pictures: None },
            control_rate: None,
            max_steps: 7,
            execute: None,
            action_bounds: ActionBounds::new([-0.5], [0.5]),
            reward_bounds: [-0.5, 0.5],
            return_bounds: None,
            identity: "walk".into(),
        }
    }

    fn walk(copies: usize, fault: Fault) -> Vectorized<Walk> {
        let walk =
            Walk { copies: vec![(0, 0, 0.0); copies], fault, at: None, calls: vec![], actions: vec![], pictures: 0 };
        Vectorized::new(info(), walk).unwrap()
    }

    fn settings(episodes: usize) -> EvaluationSettings {
        EvaluationSettings { keep_actions: true, first: 4, ..EvaluationSettings::held_out(episodes, 1, HORIZONS) }
    }

    fn run(environment: &dyn Environment, settings: &EvaluationSettings) -> Result<(Outcome, Vec<usize>)> {
        let (pool, mut waves) = (crate::threads::pool(1).unwrap(), Waves(vec![]));
        Ok((evaluate(environment, &mut waves, settings, &pool, &mut ())?, waves.0))
    }

    #[test]
    fn a_copy_begins_the_next_episode_as_soon_as_its_own_is_over() {
        let walk = walk(2, |_| {});
        let (outcome, decided) = run(&walk, &settings(4)).unwrap();
        assert_eq!(
            outcome.episodes.iter().map(|e| (e.episode, e.steps)).collect::<Vec<_>>(),
            [(4, 1), (5, 5), (6, 1), (7, 5)]
        );
        let calls = walk.into_inner().calls;
        assert_eq!(calls, [vec![0, 1], vec![1, 0], vec![1, 0], vec![1, 0], vec![1, 0], vec![0], vec![0]]);
        // Episodes 4 and 5 together; 6 and 7 when they begin; then 5 and 7 after three steps each.
        assert_eq!(decided, [2, 1, 1, 1, 1]);
    }

    #[test]
    fn results_are_the_same_in_any_number_of_copies() {
        let of = |copies, lockstep| {
            let settings = EvaluationSettings { lockstep, ..settings(9) };
            run(&walk(copies, |_| {}), &settings).unwrap().0.episodes
        };
        let one = of(1, 64);
        assert_eq!(one.len(), 9);
        assert!(one[0].observations != one[2].observations, "another episode, another seed");
        assert!([of(2, 64), of(5, 64), of(5, 3), of(20, 64)].iter().all(|other| *other == one));
    }

    #[test]
    fn what_is_kept_is_what_was_seen_done_and_earned() {
        let walk = walk(1, |_| {});
        let (outcome, _) = run(&walk, &EvaluationSettings { first: 5, ..settings(1) }).unwrap();
        let e = &outcome.episodes[0];
        assert_eq!((e.observations.len(), e.actions.len(), e.last_observation.len()), (10, 5, 2));
        assert_eq!((e.planned.len(), e.decisions.len()), (6, 2));
        let executed = walk.into_inner().actions;
        assert!(e.actions.iter().any(|a| a.abs() > 0.5), "the plan itself is kept: {:?}", e.actions);
        assert_eq!(executed, e.actions.iter().map(|a| a.clamp(-0.5, 0.5)).collect::<Vec<_>>());
        assert_eq!(e.rewards, executed.iter().map(|a| f64::from(*a)).collect::<Vec<_>>());
        assert!((e.total_reward - e.rewards.iter().sum::<f64>()).abs() < 1e-12);
        assert!((e.mean_cost + e.total_reward / 5.0).abs() < 1e-12 && outcome.mean_return() == e.total_reward);
        assert_eq!(e.observations[2], e.observations[0] + executed[0]);
    }

    #[test]
    fn an_episode_that_the_environment_never_ends_is_cut_off() {
        let endless: Fault = |one| (one.terminated, one.success) = (false, false);
        let (outcome, _) = run(&walk(2, endless), &settings(5)).unwrap();
        assert!(outcome.episodes.iter().all(|e| e.steps == 7 && !e.terminated && !e.success && !e.lost));
    }

    #[test]
    fn an_end_is_solved_lost_or_cut_off() {
        let of = |fault: Fault| {
            let (outcome, _) = run(&walk(1, fault), &settings(1)).unwrap();
            let e = &outcome.episodes[0];
            (e.success, e.lost, e.terminated)
        };
        assert_eq!(of(|_| {}), (true, false, true));
        assert_eq!(of(|one| one.success = false), (false, true, true));
        assert_eq!(of(|one| (one.terminated, one.truncated) = (false, true)), (true, false, false));
        assert_eq!(
            of(|one| *one = Stepped { success: false, terminated: false, truncated: true, ..one.clone() }),
            (false, false, false)
        );
        assert_eq!(of(|one| one.truncated = true), (true, false, true));
    }

    #[test]
    fn what_does_not_fit_is_told_by_episode_and_step() {
        let cases: [(Fault, &str); 6] = [
            (|one| one.seen.observation[1] = f32::NAN, "2: observation[1]: expected a finite number, found NaN"),
            (|one| one.seen.observation.push(0.0), "2: observation: expected 2 values, found 3"),
            (|one| one.seen.pictures = vec![0; 3], "2: pictures: expected 0 bytes, found 3"),
            (|one| one.reward = f64::NAN, "2: reward: expected a finite number from -0.5 to 0.5, found NaN"),
            (|one| one.reward = 2.0, "2: reward: expected a finite number from -0.5 to 0.5, found 2"),
            (|one| one.seen.observation.clear(), "1: step: expected 2 copies, found 1"),
        ];
        for (fault, told) in cases {
            let copies = Walk { at: Some((5, 2)), ..walk(2, fault).into_inner() };
            let error = run(&Vectorized::new(info(), copies).unwrap(), &settings(4)).unwrap_err();
            assert_eq!(error.to_string(), format!("episode 5, step {told}"));
        }
    }

    #[test]
    fn pictures_are_seen_and_those_of_solved_episodes_kept() {
        let pictures = Some(ImageLayout { cameras: vec!["front".into()], height: 1, width: 1 });
        let about = EnvironmentInfo { spec: Spec { pictures, ..info().spec }, ..info() };
        let copies = Walk { pictures: 1, at: Some((4, 1)), ..walk(2, |one| one.success = false).into_inner() };
        let (outcome, _) = run(&Vectorized::new(about, copies).unwrap(), &settings(2)).unwrap();
        let kept: Vec<u8> = (50..55).flat_map(|picture| [picture; 3]).collect();
        assert_eq!((outcome.episodes[0].pictures.len(), &outcome.episodes[1].pictures), (0, &kept));
    }

    #[test]
    fn an_evaluation_that_is_stopped_leaves_the_copies_to_the_next() {
        struct Stop;
        impl Progress for Stop {
            fn advanced(&mut self, done: usize, _: usize, _: usize) -> bool {
                done < 1
            }
        }
        let (walk, pool) = (walk(2, |_| {}), crate::threads::pool(1).unwrap());
        let stopped = evaluate(&walk, &mut Waves(vec![]), &settings(4), &pool, &mut Stop);
        assert!(matches!(stopped, Err(Error::Interrupted)));
        let whole = run(&walk, &settings(4)).unwrap().0.episodes;
        assert_eq!(whole, run(&self::walk(2, |_| {}), &settings(4)).unwrap().0.episodes);
        assert_eq!(walk.into_inner().calls[0], [0, 1]);
    }

    #[test]
    fn what_only_a_simulator_of_ours_has_is_refused() {
        let of = |settings| run(&walk(1, |_| {}), &settings).unwrap_err().to_string();
        let mode = EvaluationSettings { mode: Some(0), ..settings(1) };
        assert_eq!(of(mode), "environment walk: mode: expected none where the simulator is not ours, found some");
        assert!(of(EvaluationSettings { starts: Some(vec![].into()), ..settings(1) }).contains("walk: starts"));
        assert!(of(EvaluationSettings { record: 1, ..settings(1) }).contains("walk: record"));
    }

    #[test]
    fn an_environment_whose_parts_do_not_fit_is_refused() {
        let of = |about: EnvironmentInfo| about.check().unwrap_err().to_string();
        let low = EnvironmentInfo { action_bounds: ActionBounds::new([], [0.5]), ..info() };
        assert_eq!(of(low), "environment walk: action_bounds.low: expected 1 values, found 0");
        let turned = EnvironmentInfo { reward_bounds: [1.0, 0.0], ..info() };
        assert_eq!(of(turned), "environment walk: reward_bounds: expected low to high, found 1 to 0");
        assert!(of(EnvironmentInfo { reward_bounds: [f64::NAN, 0.0], ..info() }).contains("reward_bounds"));
        assert!(of(EnvironmentInfo { max_steps: 0, ..info() }).contains("max_steps"));
        assert!(of(EnvironmentInfo { execute: Some(0), ..info() }).contains("execute"));
        assert!(of(EnvironmentInfo { control_rate: Some(0.0), ..info() }).contains("control_rate"));
        let none = Walk { copies: vec![], ..walk(1, |_| {}).into_inner() };
        assert!(Vectorized::new(info(), none).err().unwrap().to_string().contains("copies: expected at least 1"));
    }

    #[test]
    fn returns_lie_within_what_rewards_add_up_to() {
        let of = |reward_bounds, return_bounds, discount| {
            let about = EnvironmentInfo { reward_bounds, return_bounds, max_steps: 3, ..info() };
            Vectorized::new(about, walk(1, |_| {}).into_inner()).unwrap().return_bounds(discount)
        };
        assert_eq!(of([-1.0, 2.0], None, 1.0), [-3.0, 6.0]);
        assert_eq!(of([-1.0, 2.0], None, 0.5), [-1.75, 3.5]);
        assert_eq!(of([1.0, 2.0], None, 1.0), [1.0, 6.0]);
        assert_eq!(of([-2.0, -1.0], None, 1.0), [-6.0, -1.0]);
        assert_eq!(of([0.0, 1.0], Some([0.0, 1.0]), 1.0), [0.0, 1.0]);
        let executed = EnvironmentInfo { execute: Some(9), ..info() };
        let clipped = Vectorized::new(executed, walk(1, |_| {}).into_inner()).unwrap().horizons(HORIZONS);
        assert_eq!(clipped, Horizons { action: 4, ..HORIZONS });
    }
}
