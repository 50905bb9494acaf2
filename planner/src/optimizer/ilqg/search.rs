//! iLQG: from the best candidate downhill, by derivatives along its trajectory.
//!
//! A later wave is one iteration: derivatives along the best candidate so far, a backward pass for each of a few
//! dampings, and a line search whose steps are the wave's candidates. Steps are taken along the linear model, so that
//! candidates are chunks like all others and what they cost is the simulator's word.

use super::feedback_policy::FeedbackPolicy;
use crate::optimizer::search::{Optimizer, Search, SearchContext, Wave};
use crate::{error::Result, parameterization::kind::ParameterizationKind, rollout::simulator::OneCandidate};
use imle_configs::derivatives::Derivatives;

/// Descends from the best proposal. It searches in whole chunks alone, and needs a simulator that has derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ilqg {
    /// Waves: the proposals, and one more for each iteration.
    pub waves: usize,
}

impl Default for Ilqg {
    /// The proposals and one iteration.
    fn default() -> Self {
        Self { waves: 2 }
    }
}

/// Most candidates of a line search.
const MOST_STEPS: usize = 16;
/// Dampings of a wave's backward passes, of the mean curvature by an action: none, and what keeps nearer to where the
/// model holds.
const DAMPINGS: [f64; 3] = [0.0, 1.0, 100.0];
/// Damping that keeps a flat problem solvable.
const LEAST_DAMPING: f64 = 1e-9;
/// Factor of the next step lengths, once every damping had one.
const SHORTER: f64 = 0.3;

impl Optimizer for Ilqg {
    fn name(&self) -> &'static str {
        "ilqg"
    }

    /// A quarter of the candidates for each line search, as long as the proposals keep half of all.
    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        let searches = self.waves.clamp(1, candidates.max(1)) - 1;
        let each = (candidates / 2 / searches.max(1)).min(candidates / 4).clamp(1, MOST_STEPS);
        let searches = searches.min(candidates / 2 / each);
        out.clear();
        out.push(candidates - searches * each);
        out.extend(std::iter::repeat_n(each, searches));
    }

    fn parameterization(&self) -> Option<ParameterizationKind> {
        Some(ParameterizationKind::Chunk)
    }

    fn search(&self) -> Box<dyn Search> {
        Box::new(Descent::default())
    }
}

#[derive(Default)]
struct Descent {
    derivatives: Derivatives,
}

impl Search for Descent {
    /// Without derivatives there is nowhere to go.
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]) {
        let Some(best) = wave.best() else { return out.fill(0.0) };
        out.chunks_exact_mut(wave.size()).for_each(|row| row.copy_from_slice(wave.row(best)));
    }

    fn sample_in(&mut self, wave: &Wave<'_>, context: &SearchContext<'_>, out: &mut [f32]) -> Result<u64> {
        self.sample(wave, out);
        let Some(best) = wave.best() else { return Ok(0) };
        let (chunk, nominal) = (&wave.chunks[best * wave.size()..][..wave.size()], wave.row(best));
        let trajectory = OneCandidate { key: wave.key, state: context.state, chunk };
        context.simulator.differentiate(context.pool, trajectory, &mut self.derivatives)?;
        let d = &self.derivatives;
        let Some(bold) = FeedbackPolicy::backward(d, nominal, LEAST_DAMPING) else { return Ok(d.physics_steps) };
        let dampings = DAMPINGS[1..].iter().map(|x| LEAST_DAMPING + x * bold.curvature());
        let careful: Vec<FeedbackPolicy> = dampings.filter_map(|x| FeedbackPolicy::backward(d, nominal, x)).collect();
        let policies: Vec<&FeedbackPolicy> = std::iter::once(&bold).chain(&careful).collect();
        for (i, row) in out.chunks_exact_mut(wave.size()).enumerate() {
            let share = SHORTER.powi((i / policies.len()) as i32);
            policies[i % policies.len()].forward(d, nominal, share, row);
        }
        Ok(d.physics_steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Decide, Decision, Key, Situation};
    use crate::parameterization::{self, ActionBounds, ParameterizationKind};
    use crate::planner::Planner;
    use crate::proposal::{Noise, Proposal, Warm};
    use crate::rollout::simulator::{Candidates, Score, Simulator};
    use imle_configs::spec::Horizons;
    use nalgebra::{Matrix2, RowVector2, Vector2};

    const STEPS: usize = 12;

    /// A user's own dynamics, a mass that is pushed: x = (position, velocity), J = Σ ½ x·Q x + ½ R a² over the states
    /// after each action.
    #[derive(Clone)]
    struct Mass {
        q: Matrix2<f64>,
        r: f64,
        low: [f32; 1],
        high: [f32; 1],
        /// Positions beyond which the simulation fails.
        wall: f64,
        /// Factor of all derivatives.
        wrong: f64,
    }

    impl Mass {
        fn new(limit: f32) -> Self {
            let q = Matrix2::new(1.0, 0.0, 0.0, 0.1);
            Self { q, r: 0.05, low: [-limit], high: [limit], wall: f64::INFINITY, wrong: 1.0 }
        }

        fn matrices() -> (Matrix2<f64>, Vector2<f64>) {
            (Matrix2::new(1.0, 0.1, 0.0, 1.0), Vector2::new(0.005, 0.1))
        }

        /// The states after each action.
        fn states(state: &[f64], chunk: &[f32]) -> Vec<Vector2<f64>> {
            let (a, b) = Self::matrices();
            let mut x = Vector2::new(state[0], state[1]);
            let next = |u: &f32| {
                x = a * x + b * f64::from(*u);
                x
            };
            chunk.iter().map(next).collect()
        }

        fn cost(&self, state: &[f64], chunk: &[f32]) -> f64 {
            let parts = Self::states(state, chunk).into_iter().zip(chunk);
            parts.map(|(x, u)| 0.5 * x.dot(&(self.q * x)) + 0.5 * self.r * f64::from(*u).powi(2)).sum()
        }

        /// The gains of the linear-quadratic regulator by Riccati's recursion, first to last, and what it costs from
        /// `x`.
        fn riccati(&self, x: Vector2<f64>) -> (Vec<RowVector2<f64>>, f64) {
            let (a, b) = Self::matrices();
            let (mut p, mut gains) = (Matrix2::zeros(), Vec::new());
            for _ in 0..STEPS {
                let s = self.q + p;
                let gain = -(b.transpose() * s * a) / (self.r + b.dot(&(s * b)));
                p = a.transpose() * s * (a + b * gain);
                gains.insert(0, gain);
            }
            (gains, 0.5 * x.dot(&(p * x)))
        }
    }

    impl Simulator for Mass {
        fn state_size(&self) -> usize {
            2
        }
        fn action_range(&self) -> (&[f32], &[f32]) {
            (&self.low, &self.high)
        }
        fn rollout(&self, _: &rayon::ThreadPool, c: Candidates<'_>, out: &mut [Score]) -> Result<()> {
            let each = out.len() / c.keys.len();
            for (i, score) in out.iter_mut().enumerate() {
                let (state, chunk) = (&c.states[i / each * 2..][..2], &c.chunks[i * c.steps..][..c.steps]);
                let failed = !Self::states(state, chunk).iter().all(|x| x.x.abs() < self.wall);
                let cost = if failed { f64::INFINITY } else { self.cost(state, chunk) };
                *score = Score { failed, physics_steps: c.steps as u32, ..Score::of(cost) };
            }
            Ok(())
        }
        fn differentiate(&self, _: &rayon::ThreadPool, at: OneCandidate<'_>, out: &mut Derivatives) -> Result<()> {
            let (a, b) = Self::matrices();
            let half = f64::from(self.high[0]);
            out.clear(at.chunk.len(), 2, 1);
            for (t, x) in Self::states(at.state, at.chunk).into_iter().enumerate() {
                let f = nalgebra::Matrix2x3::from_columns(&[a.column(0).into(), a.column(1).into(), b * half]);
                let mut slope = f.transpose() * self.q * x;
                slope[2] += self.r * f64::from(at.chunk[t]) * half;
                let mut curvature = f.transpose() * self.q * f;
                curvature[(2, 2)] += self.r * half * half;
                out.dynamics[t * 6..][..6].copy_from_slice((f * self.wrong).as_slice());
                out.gradient[t * 3..][..3].copy_from_slice((slope * self.wrong).as_slice());
                out.hessian[t * 9..][..9].copy_from_slice((curvature * self.wrong).as_slice());
            }
            out.physics_steps = 1000;
            Ok(())
        }
    }

    /// Plans for two episodes with `candidates` in each.
    fn decide(mass: &Mass, ilqg: Ilqg, candidates: usize, threads: usize) -> (Vec<f32>, [Decision; 2], Vec<f64>) {
        let noise = Noise { seed: 1, scale: 0.2, knots: 4, bounds: ActionBounds::new(mass.low, mass.high) };
        let sources: Vec<Box<dyn Proposal>> = vec![Box::new(Warm), Box::new(noise)];
        let horizons = Horizons { observation: 1, prediction: STEPS, action: 2 };
        let space =
            parameterization::of_kind(ParameterizationKind::Chunk, ActionBounds::new(mass.low, mass.high), STEPS, 4)
                .unwrap();
        let planner = Planner::new(Box::new(mass.clone()), sources, Box::new(ilqg), horizons, candidates).unwrap();
        let mut planner = planner.searching(space, 1);
        let (warm, mut chunks, mut how) = ([0.0; 2 * STEPS], vec![0.0; 2 * STEPS], [Decision::default(); 2]);
        let situation = Situation {
            observations: &[],
            pictures: &[],
            states: &STATES,
            warm: &warm,
            warm_left: &[STEPS, STEPS],
            keys: &[Key { episode: 0, decision: 0 }, Key { episode: 1, decision: 0 }],
            deadline: None,
            lockstep: false,
        };
        let pool = crate::threads::pool(threads).unwrap();
        planner.decide(&pool, &situation, &mut chunks, &mut how).unwrap();
        (chunks, how, planner.last().1.iter().map(|s| s.cost).collect())
    }

    const STATES: [f64; 4] = [1.0, 0.0, -0.5, 0.4];

    #[test]
    fn one_iteration_reaches_the_optimum_of_a_linear_quadratic_problem() {
        let mass = Mass::new(20.0);
        let (chunks, how, costs) = decide(&mass, Ilqg::default(), 16, 1);
        for b in 0..2 {
            let state = &STATES[b * 2..][..2];
            let (gains, least) = mass.riccati(Vector2::new(state[0], state[1]));
            let found = mass.cost(state, &chunks[b * STEPS..][..STEPS]);
            let proposed = costs[b * 16..][..12].iter().copied().fold(f64::INFINITY, f64::min);
            assert!(found >= least * (1.0 - 1e-9) && found < least * (1.0 + 1e-6), "{found}, {least}");
            assert!(proposed > 1.001 * least, "{proposed} is no test");
            let first = gains[0] * Vector2::new(state[0], state[1]);
            assert!((f64::from(chunks[b * STEPS]) - first[0]).abs() < 1e-4 * first[0].abs());
            assert_eq!(how[b].source, 2);
            // The rollouts, and what the derivatives took.
            assert_eq!(how[b].physics_steps, 16 * STEPS as u64 + 1000);
        }
    }

    #[test]
    fn the_same_bits_at_any_number_of_threads() {
        let mass = Mass::new(1.0);
        assert_eq!(decide(&mass, Ilqg::default(), 32, 1), decide(&mass, Ilqg::default(), 32, 3));
    }

    #[test]
    fn limits_are_respected_and_the_plan_is_better_than_a_clipped_one() {
        let mass = Mass::new(2.0);
        let iterations = Ilqg { waves: 6 };
        let (chunks, _, _) = decide(&mass, iterations, 64, 1);
        let mut x = Vector2::new(STATES[0], STATES[1]);
        let (gains, _) = mass.riccati(x);
        let (a, b) = Mass::matrices();
        let clipped: Vec<f32> = gains
            .iter()
            .map(|gain| {
                let u = (gain * x)[0].clamp(-2.0, 2.0);
                x = a * x + b * u;
                u as f32
            })
            .collect();
        assert!(clipped.contains(&-2.0), "no limit in this test");
        assert!(chunks.iter().all(|u| u.abs() <= 2.0) && chunks.contains(&-2.0), "{chunks:?}");
        assert!(mass.cost(&STATES[..2], &chunks[..STEPS]) <= mass.cost(&STATES[..2], &clipped) * (1.0 + 1e-6));
    }

    #[test]
    fn without_a_slope_the_plan_stays_the_best_proposal() {
        let flat = Mass { q: Matrix2::zeros(), r: 0.0, ..Mass::new(1.0) };
        let (chunks, how, _) = decide(&flat, Ilqg::default(), 16, 1);
        assert!(chunks.iter().all(|u| *u == 0.0));
        assert!(how.iter().all(|d| d.source == 0 && d.predicted == Some(0.0)));
    }

    #[test]
    fn what_diverges_is_not_chosen() {
        // Every bold step of the first episode ends behind the wall.
        let narrow = Mass { wall: 1.001, ..Mass::new(1.0) };
        let (chunks, how, costs) = decide(&narrow, Ilqg::default(), 16, 1);
        assert!(how[0].failed > 0 && how.iter().all(|d| d.predicted.is_some()));
        let best = costs[..16].iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(narrow.cost(&STATES[..2], &chunks[..STEPS]), best);
        // Derivatives that are no numbers lead nowhere.
        let (_, how, costs) = decide(&Mass { wrong: f64::NAN, ..Mass::new(1.0) }, Ilqg::default(), 16, 1);
        assert!(how.iter().all(|d| d.source < 2) && costs.iter().all(|c| c.is_finite()));
        // Nothing can be simulated at all.
        let (chunks, how, _) = decide(&Mass { wall: 0.0, ..Mass::new(1.0) }, Ilqg::default(), 16, 1);
        assert!(chunks.iter().all(|u| *u == 0.0) && how.iter().all(|d| d.predicted.is_none() && d.failed == 16));
    }

    #[test]
    fn waves_leave_the_proposals_half() {
        let mut out = Vec::new();
        for (candidates, waves) in [(32, 2), (1, 2), (2, 2), (3, 9), (32, 4), (64, 1), (500, 2)] {
            Ilqg { waves }.waves(candidates, &mut out);
            assert_eq!(out.iter().sum::<usize>(), candidates);
            assert!(out.iter().all(|n| *n > 0) && 2 * out[0] >= candidates, "{out:?}");
        }
        Ilqg::default().waves(32, &mut out);
        assert_eq!(out, [24, 8]);
    }

    #[test]
    fn a_simulator_without_derivatives_and_another_space_are_refused() {
        struct Blind;
        impl Simulator for Blind {
            fn state_size(&self) -> usize {
                1
            }
            fn action_range(&self) -> (&[f32], &[f32]) {
                (&[-1.0], &[1.0])
            }
            fn rollout(&self, _: &rayon::ThreadPool, _: Candidates<'_>, out: &mut [Score]) -> Result<()> {
                out.fill(Score { cost: 1.0, failed: false, ..Score::default() });
                Ok(())
            }
        }
        let refused = |kind: ParameterizationKind| {
            let horizons = Horizons { observation: 1, prediction: 4, action: 1 };
            let planner =
                Planner::new(Box::new(Blind), vec![Box::new(Warm)], Box::new(Ilqg::default()), horizons, 8).unwrap();
            let space = parameterization::of_kind(kind, ActionBounds::new([-1.0], [1.0]), 4, 2).unwrap();
            let situation = Situation {
                observations: &[],
                pictures: &[],
                states: &[0.0],
                warm: &[0.0; 4],
                warm_left: &[4],
                keys: &[Key { episode: 0, decision: 0 }],
                deadline: None,
                lockstep: false,
            };
            let pool = crate::threads::pool(1).unwrap();
            let error =
                planner.searching(space, 1).decide(&pool, &situation, &mut [0.0; 4], &mut [Decision::default()]);
            let error = error.unwrap_err();
            assert!(error.is_input());
            error.to_string()
        };
        assert!(
            refused(ParameterizationKind::Chunk).contains("derivatives"),
            "{}",
            refused(ParameterizationKind::Chunk)
        );
        assert!(
            refused(ParameterizationKind::Linear).contains("`chunk` for `ilqg`"),
            "{}",
            refused(ParameterizationKind::Linear)
        );
    }
}
