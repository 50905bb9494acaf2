//! Action-rate limit: no plan is faster than the demonstrations.
//!
//! A search that gains by being early finds leaps: targets far from the hand that happen to succeed in simulation. A
//! policy learns nothing from them. Here every action of a plan is within a step of the one before, and the first
//! within a step of where the proposals begin. The longest step of each value, in its own unit (metres, cosines), is
//! the longest in the demonstrations. A search learns from the costs of the limited plans, and keeps the parameters it
//! drew.

use imle_configs::episode::Episode;

/// Limit on the difference between an action and the one before it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionRateLimit {
    /// Longest step of each value, (A).
    longest: Vec<f32>,
}

impl ActionRateLimit {
    /// `share` of the longest steps between the actions of `episodes`, whose actions have `size` values each.
    pub fn of(episodes: &[Episode], size: usize, share: f64) -> Self {
        let mut longest = vec![0.0_f32; size];
        for episode in episodes {
            for two in episode.actions.windows(2 * size).step_by(size.max(1)) {
                let (now, next) = two.split_at(size);
                for ((most, a), b) in longest.iter_mut().zip(now).zip(next) {
                    *most = most.max((b - a).abs());
                }
            }
        }
        longest.iter_mut().for_each(|most| *most *= share as f32);
        Self { longest }
    }

    /// Limits the actions of each of `plans`, (n, T, A) with `chunk` = T · A values each, within a step of each other,
    /// and the first within a step of the first actions of `begun`, chunks of (T, A); without any it stays where it is.
    pub fn apply<'c>(&self, begun: impl Iterator<Item = &'c [f32]> + Clone, plans: &mut [f32], chunk: usize) {
        for (d, step) in self.longest.iter().enumerate() {
            let first = begun.clone().map(|chunk| chunk[d]);
            let (low, high) = first.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), a| (l.min(a), h.max(a)));
            for plan in plans.chunks_exact_mut(chunk) {
                if low <= high {
                    plan[d] = plan[d].clamp(low - step, high + step);
                }
                for at in (d + self.longest.len()..chunk).step_by(self.longest.len()) {
                    let before = plan[at - self.longest.len()];
                    plan[at] = plan[at].clamp(before - step, before + step);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_no_faster_than_the_demonstrations_and_begins_where_the_proposals_do() {
        let episode =
            |actions: &[f32]| Episode { actions: actions.to_vec(), len: actions.len() / 2, ..Episode::default() };
        let shown = [episode(&[0.0, 0.0, 0.1, 0.0, 0.3, 0.5]), episode(&[1.0, 0.0, 0.9, 0.1])];
        let limit = ActionRateLimit::of(&shown, 2, 1.0);
        let mut plan = [5.0, 0.0, 5.0, 1.0, 0.0, 2.0];
        let proposals = [[0.0, 0.0, 9.0, 9.0, 9.0, 9.0], [1.0, 0.0, 9.0, 9.0, 9.0, 9.0]];
        limit.apply(proposals.iter().map(<[f32; 6]>::as_slice), &mut plan, 6);
        let wanted = [1.2, 0.0, 1.4, 0.5, 1.2, 1.0];
        assert!(plan.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{plan:?}");
        let slow = plan;
        limit.apply(proposals.iter().map(<[f32; 6]>::as_slice), &mut plan, 6);
        assert_eq!(plan, slow);
    }

    #[test]
    fn without_proposals_a_plan_may_begin_anywhere() {
        let limit = ActionRateLimit { longest: vec![1.0] };
        let mut plan = [7.0, 9.0];
        limit.apply(std::iter::empty(), &mut plan, 2);
        assert_eq!(plan, [7.0, 8.0]);
    }
}
