//! Mode-preserving refinement: every mode is searched on its own, and left only for a gain.
//!
//! The problem: minimise J over chunks, separately in each of the regions that the proposals fall into, and stay in the
//! region of the plan under way unless another's best costs less by a margin. Proposals are grouped by trajectory as
//! RS-IMLE covers data: from the cheapest on, each joins the first group whose head is no further than ε away, or heads
//! a new one. Each group draws around its own best with a step size of its own, which grows by success and shrinks by
//! failure (the 1/5 rule, Rechenberg 1973); nothing is averaged across groups. Rollouts go where they still pay: of the
//! groups the better half is kept from wave to wave (successive halving, Jamieson and Talwalkar 2016, arXiv
//! 1502.07943).

use super::search::{Optimizer, Scored, Search, Wave};
use super::waves::divide;
use crate::chunk::{MODE_DISTANCE, distance};

/// Groups, each with its own draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModePreserving {
    /// Share of its cost by which another mode must be cheaper for the one under way to be left.
    pub margin: f64,
    /// Deviation of the first draws, in halves of an action's range or deviations of a latent.
    pub noise: f64,
    /// Waves that are drawn, the proposals' among them.
    pub waves: usize,
}

impl Default for ModePreserving {
    /// 0.05, 0.1, and 4.
    fn default() -> Self {
        Self { margin: 0.05, noise: 0.1, waves: 4 }
    }
}

/// Most groups that are drawn from; costlier ones are scored only.
const MOST_GROUPS: usize = 8;
/// Factors of the step size after a wave in which the group's best became cheaper, and after one in which not.
const STEP: [f64; 2] = [1.3, 0.6];

impl Optimizer for ModePreserving {
    fn name(&self) -> &'static str {
        "mode-preserving"
    }

    fn waves(&self, candidates: usize, out: &mut Vec<usize>) {
        divide(candidates, self.waves, false, out);
    }

    fn search(&self) -> Box<dyn Search> {
        Box::new(Groups { settings: *self, groups: Vec::new(), member: Vec::new(), order: Vec::new() })
    }
}

#[derive(Clone, Copy, Debug)]
struct Group {
    /// The cheapest candidate and its cost.
    best: usize,
    cost: f64,
    step: f64,
}

struct Groups {
    settings: ModePreserving,
    /// In the order of their heads' costs; those still drawn from.
    groups: Vec<Group>,
    /// The group of each candidate; none of one that has failed.
    member: Vec<Option<usize>>,
    /// Scratch: candidates by cost, then groups by cost.
    order: Vec<usize>,
}

impl Groups {
    /// Sorts the proposals into groups.
    fn begin(&mut self, wave: &Wave<'_>) {
        let (low, high) = wave.range;
        let steps = wave.chunks.len() / wave.before.max(1) / low.len().max(1);
        let chunk = |i: usize| &wave.chunks[i * steps * low.len()..][..steps * low.len()];
        self.groups.clear();
        self.member.clear();
        self.member.resize(wave.before, None);
        self.order.clear();
        self.order.extend((0..wave.before).filter(|i| wave.costs[*i].is_finite()));
        self.order.sort_unstable_by(|a, b| wave.costs[*a].total_cmp(&wave.costs[*b]).then(a.cmp(b)));
        for i in &self.order {
            let near = |g: &Group| distance(chunk(g.best), chunk(*i), steps, low, high) <= MODE_DISTANCE;
            let found = self.groups.iter().position(near).unwrap_or_else(|| {
                self.groups.push(Group { best: *i, cost: wave.costs[*i], step: self.settings.noise });
                self.groups.len() - 1
            });
            self.member[*i] = Some(found);
        }
    }

    /// Takes up what the last wave cost.
    fn learn(&mut self, wave: &Wave<'_>) {
        let from = wave.before - wave.last;
        for (g, group) in self.groups.iter_mut().enumerate() {
            let own = (from..wave.before).filter(|i| self.member[*i] == Some(g) && wave.costs[*i].is_finite());
            let Some(best) = own.min_by(|a, b| wave.costs[*a].total_cmp(&wave.costs[*b])) else { continue };
            let better = wave.costs[best] < group.cost;
            group.step *= STEP[usize::from(!better)];
            if better {
                (group.best, group.cost) = (best, wave.costs[best]);
            }
        }
    }
}

impl Search for Groups {
    fn sample(&mut self, wave: &Wave<'_>, out: &mut [f32]) {
        if wave.index == 1 {
            self.begin(wave);
        } else {
            self.learn(wave);
        }
        if self.groups.is_empty() {
            self.member.resize(wave.before + out.len() / wave.size().max(1), None);
            return out.fill(0.0);
        }
        self.order.clear();
        self.order.extend(0..self.groups.len());
        let groups = &self.groups;
        self.order.sort_unstable_by(|a, b| groups[*a].cost.total_cmp(&groups[*b].cost).then(a.cmp(b)));
        let live = (MOST_GROUPS >> (wave.index - 1)).clamp(1, self.groups.len());
        wave.draw(out);
        for (i, row) in out.chunks_exact_mut(wave.size()).enumerate() {
            let g = self.order[i % live];
            let group = self.groups[g];
            let around = wave.row(group.best);
            row.iter_mut().zip(around).for_each(|(x, a)| *x = (f64::from(*a) + group.step * f64::from(*x)) as f32);
            self.member.push(Some(g));
        }
    }

    fn choose(&mut self, scored: Scored<'_>) -> Option<usize> {
        let best = scored.best()?;
        let cost = |i: usize| scored.scores[i].cost;
        let Some(under_way) = scored.warm.and_then(|w| *self.member.get(w)?) else { return Some(best) };
        let own = (0..scored.scores.len()).filter(|i| self.member.get(*i) == Some(&Some(under_way)));
        let alive = own.filter(|i| !scored.scores[*i].failed && cost(*i).is_finite());
        let Some(own) = alive.min_by(|a, b| cost(*a).total_cmp(&cost(*b)).then(a.cmp(b))) else { return Some(best) };
        let gain = cost(own) - cost(best);
        Some(if gain > self.settings.margin * cost(own).abs() { best } else { own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::testing::{bowl, minimise};
    use imle_configs::score::Score;

    /// Two valleys, at -0.5 and at 0.5 of the first value, the second one a little deeper.
    fn valleys(x: &[f32]) -> f64 {
        let at = |c: f64| (f64::from(x[0]) - c).powi(2) * 8.0;
        let rest: f64 = x[1..].iter().map(|v| f64::from(*v).powi(2)).sum();
        (at(-0.5) + 0.1).min(at(0.5)) + rest
    }

    #[test]
    fn waves_go_down_to_the_least() {
        let optimizer = ModePreserving { noise: 0.2, waves: 12, ..ModePreserving::default() };
        let (_, cost) = minimise(&optimizer, 240, &[0.0; 4], 0.1, 2, bowl);
        assert!(cost < 0.05, "{cost}");
    }

    fn scores(costs: &[f64]) -> Vec<Score> {
        costs.iter().map(|c| Score::of(*c)).collect()
    }

    #[test]
    fn both_valleys_are_searched_and_the_one_under_way_is_left_only_for_a_gain() {
        let settings = ModePreserving { noise: 0.1, margin: 0.5, ..ModePreserving::default() };
        let mut search = Groups { settings, groups: vec![], member: vec![], order: vec![] };
        // Candidate 0, the warm start, lies in the shallower valley.
        let parameters = [-0.4f32, 0.1, 0.4, 0.1, -0.5, 0.0, 0.45, 0.0];
        let costs: Vec<f64> = parameters.chunks(2).map(valleys).collect();
        let wave = Wave {
            index: 1,
            waves: 2,
            before: 4,
            last: 4,
            parameters: &parameters,
            costs: &costs,
            chunks: &parameters,
            range: (&[-1.0], &[1.0]),
            dims: 1,
            seed: 0,
            key: crate::decide::Key { episode: 0, decision: 0 },
        };
        let mut drawn = [0.0; 8];
        search.sample(&wave, &mut drawn);
        assert_eq!(search.groups.len(), 2);
        let sides: Vec<bool> = drawn.chunks(2).map(|x| x[0] > 0.0).collect();
        assert_eq!(sides, [true, false, true, false]);
        // The other valley is better by less than half, then by more.
        let all = |first: f64| scores(&[0.3, 0.2, 0.4, 0.2, first, 0.25, 0.2, 0.3]);
        assert_eq!(search.choose(Scored { scores: &all(0.2), warm: Some(0) }), Some(5));
        assert_eq!(search.choose(Scored { scores: &all(0.1), warm: Some(0) }), Some(4));
        assert_eq!(search.choose(Scored { scores: &all(0.2), warm: None }), Some(1));
    }

    #[test]
    fn nothing_alive_is_no_plan() {
        let mut search = ModePreserving::default().search();
        let wave = Wave {
            index: 1,
            waves: 2,
            before: 2,
            last: 2,
            parameters: &[f32::NAN; 2],
            costs: &[f64::INFINITY; 2],
            chunks: &[0.0; 2],
            range: (&[-1.0], &[1.0]),
            dims: 1,
            seed: 0,
            key: crate::decide::Key { episode: 0, decision: 0 },
        };
        let mut drawn = [1.0; 2];
        search.sample(&wave, &mut drawn);
        assert_eq!(drawn, [0.0; 2]);
        assert_eq!(search.choose(Scored { scores: &[Score::default(); 4], warm: Some(0) }), None);
    }
}
