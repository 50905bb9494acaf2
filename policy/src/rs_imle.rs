//! RS-IMLE's selection: rejection of candidates already close to a target, then a joint assignment of targets.
//!
//! For each state with targets y_1…y_K and candidates x_1…x_m, with the distance per element
//!
//! ```text
//! d(x, y) = ‖x − y‖₂ / √(T_pred · A)        in normalised units
//! ```
//!
//! 1. a candidate with d(x_j, y_k) ≤ ε for *any* kept target y_k of the state is rejected;
//! 2. the targets are assigned to distinct survivors with the least total distance (exact, Hungarian method); for
//!    K = 1 this is the nearest survivor; targets left over when there are fewer survivors are dropped;
//! 3. the loss is the mean over states of the mean of d over each one's assigned pairs: a state counts once, however
//!    many targets it has, so that shares of states are shares of the loss. A state without a pair does not count.
//!
//! A state with as many targets as candidates (K ≥ m) rejects none: every candidate is assigned, which is optimal
//! transport between a sample of the generator and a sample of the targets, and then the mass of a mode follows the
//! share of its targets. That share must not be noisy: the loss is a distance, whose optimum is a median, and with
//! independent draws a 0.9/0.1 mixture collapsed to 1/0; systematic draws (`targets::WeightedTargets`) keep it.
//!
//! With K = 1 a probability is no share. Rejecting, the balance of pulls has no stable middle: once a mode's
//! candidates are all within ε, its targets pull candidates over from the other modes, and a mode drawn nine times
//! as often empties the other. Without rejection (ε = 0) every mode is covered and probabilities hardly matter. Both
//! are measured in the tests of [`crate::train`]. So re-weighting the modes of one state takes K = m; K = 1 is for
//! data in which a state is seen once.
//!
//! Steps 1 and 2 need no gradient: candidates are drawn without it and only the survivors are generated again with
//! it, which gives the same gradient. Sources: arXiv 2502.12371; rejection with groups of targets after the
//! project's notes on advantage-weighted RS-IMLE, where a weight must be the probability of *sampling* a target: as
//! a factor in the loss it only changes how hard a target pulls, not how many latents it gets.

use crate::error::{Error, Result};
use tch::{Kind, Tensor};

/// Keeps the gradient of the root finite at distance 0; in squared normalised units per element.
const ROOT_GUARD: f64 = 1e-12;

/// Candidates selected for a batch of B states with up to K targets each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The candidate assigned to each target, row-major (B, K); 0 where none is.
    pub candidates: Vec<i64>,
    /// 1 where a candidate is assigned, else 0; row-major (B, K).
    pub kept: Vec<f32>,
    /// Share of the candidates of each state that lie within its rejection distance (B); 0 for one without targets.
    pub within: Vec<f32>,
    /// Sums over the batch.
    pub diagnostics: Diagnostics,
}

/// Statistics of rejection and assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Diagnostics {
    /// Share of candidates that survived rejection.
    pub survivor_share: f64,
    /// Mean distance of an assigned candidate to its target; 0 if none is assigned.
    pub nearest: f64,
    /// Mean distance of a target to its nearest candidate, rejected or not.
    pub nearest_unrejected: f64,
    /// Targets assigned.
    pub assigned: usize,
    /// Targets without a candidate left.
    pub dropped: usize,
}

/// Distances (B, m, K) between candidates (B, m, D) and targets (B, K, D).
///
/// # Errors
/// [`Error::Torch`] if the shapes do not fit.
pub fn distances(candidates: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let elements = targets.size3()?.2 as f64;
    // Mode 2 never takes the ‖x‖² + ‖y‖² − 2xy shortcut, which loses small distances to cancellation.
    Ok(Tensor::f_cdist(candidates, targets, 2.0, 2)?.f_div_scalar(elements.sqrt())?)
}

/// Selects from `distances`, row-major (B, m, K), for the targets that `mask` (B, K) keeps; `epsilon` (B) is the
/// rejection distance of each state.
///
/// # Errors
/// [`Error::Argument`] if the sizes do not fit each other.
pub fn select(distances: &[f32], mask: &[bool], samples: usize, targets: usize, epsilon: &[f64]) -> Result<Selection> {
    if samples == 0 || targets == 0 || mask.len() != epsilon.len() * targets || distances.len() != mask.len() * samples
    {
        let found = format!("{} for {} targets of {} states", distances.len(), mask.len(), epsilon.len());
        return Err(Error::argument("rs_imle::select", "distances", format!("(B, {samples}, {targets})"), found));
    }
    let mut selection = Selection {
        candidates: vec![0; mask.len()],
        kept: vec![0.0; mask.len()],
        within: vec![0.0; epsilon.len()],
        diagnostics: Diagnostics::default(),
    };
    let mut sums = [0.0f64; 2];
    let (mut survivors, mut pool) = (0usize, 0usize);
    for (state, (rows, mask)) in distances.chunks_exact(samples * targets).zip(mask.chunks_exact(targets)).enumerate() {
        let kept: Vec<usize> = (0..targets).filter(|k| mask[*k]).collect();
        if kept.is_empty() {
            continue;
        }
        let distance = |j: usize, k: usize| f64::from(rows[j * targets + k]);
        let within = |j: &usize| kept.iter().any(|k| distance(*j, *k) <= epsilon[state]);
        selection.within[state] = (0..samples).filter(within).count() as f32 / samples as f32;
        let rejects = kept.len() < samples;
        // A candidate that is not finite is at no distance and cannot be assigned.
        let lives = |j: &usize| kept.iter().all(|k| distance(*j, *k).is_finite()) && !(rejects && within(j));
        let alive: Vec<usize> = (0..samples).filter(lives).collect();
        survivors += alive.len();
        pool += samples;
        sums[1] +=
            kept.iter().map(|k| (0..samples).map(|j| distance(j, *k)).fold(f64::INFINITY, f64::min)).sum::<f64>();
        let assignment = assign(&kept, &alive, &distance);
        for (k, candidate) in kept.iter().zip(assignment) {
            match candidate {
                Some(j) => {
                    selection.candidates[state * targets + k] = j as i64;
                    selection.kept[state * targets + k] = 1.0;
                    selection.diagnostics.assigned += 1;
                    sums[0] += distance(j, *k);
                }
                None => selection.diagnostics.dropped += 1,
            }
        }
    }
    let d = &mut selection.diagnostics;
    d.survivor_share = survivors as f64 / pool.max(1) as f64;
    d.nearest = sums[0] / d.assigned.max(1) as f64;
    d.nearest_unrejected = sums[1] / (d.assigned + d.dropped).max(1) as f64;
    Ok(selection)
}

/// The rejection distances `epsilon` (B), each enlarged until it rejects `share` of the state's candidates: rounded down,
/// those nearest to a target that `mask` (B, K) keeps. `distances` are row-major (B, m, K).
///
/// A fixed distance rejects nothing while the loss is above it. With a share the survivors are as many throughout, and
/// a target pulls not the nearest candidate but the next behind the rejected: fewer latents are left that no target ever
/// picks, so that single samples are more precise, and recall is less.
pub fn at_least(epsilon: &[f64], distances: &[f32], mask: &[bool], samples: usize, share: f64) -> Vec<f64> {
    let targets = mask.len() / epsilon.len().max(1);
    let rejected = (share * samples as f64) as usize;
    let states = distances.chunks_exact((samples * targets).max(1)).zip(mask.chunks_exact(targets.max(1)));
    let own = |(epsilon, (rows, mask)): (&f64, (&[f32], &[bool]))| {
        let nearest = |row: &[f32]| {
            row.iter().zip(mask).filter(|(_, kept)| **kept).map(|(d, _)| *d).fold(f32::INFINITY, f32::min)
        };
        let mut all: Vec<f32> = rows.chunks_exact(targets).map(nearest).collect();
        all.sort_by(f32::total_cmp);
        epsilon.max(f64::from(all[rejected - 1]))
    };
    if rejected == 0 { epsilon.to_vec() } else { epsilon.iter().zip(states).map(own).collect() }
}

/// A distinct candidate of `alive` for each of `targets`, with the least total distance.
fn assign(targets: &[usize], alive: &[usize], distance: &impl Fn(usize, usize) -> f64) -> Vec<Option<usize>> {
    if let [k] = targets {
        return vec![alive.iter().copied().min_by(|a, b| distance(*a, *k).total_cmp(&distance(*b, *k)))];
    }
    // One dummy column a target costs more than any real assignment could save, so as few as possible are used.
    let largest = targets.iter().flat_map(|k| alive.iter().map(|j| distance(*j, *k))).fold(0.0, f64::max);
    let dummy = (largest + 1.0) * (targets.len() + 1) as f64;
    let columns = alive.len() + targets.len();
    let cost = |row: usize, column: usize| alive.get(column).map_or(dummy, |j| distance(*j, targets[row]));
    hungarian(targets.len(), columns, cost).into_iter().map(|c| alive.get(c).copied()).collect()
}

/// The Hungarian method by shortest augmenting paths (Kuhn 1955; Jonker, Volgenant 1987), rows ≤ columns,
/// O(rows² · columns): the column of each row in an assignment of least total cost.
fn hungarian(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // TargetRow and column 0 are sentinels; `row_of[c]` is the row assigned to column c, 0 if none.
    let (mut u, mut v) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let (mut row_of, mut way) = (vec![0usize; columns + 1], vec![0usize; columns + 1]);
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut used = vec![false; columns + 1];
        while row_of[column] != 0 {
            used[column] = true;
            let (r, mut delta, mut next) = (row_of[column], f64::INFINITY, 0);
            for c in (1..=columns).filter(|c| !used[*c]) {
                let reduced = cost(r - 1, c - 1) - u[r] - v[c];
                if reduced < least[c] {
                    (least[c], way[c]) = (reduced, column);
                }
                if least[c] < delta {
                    (delta, next) = (least[c], c);
                }
            }
            for c in 0..=columns {
                if used[c] {
                    u[row_of[c]] += delta;
                    v[c] -= delta;
                } else {
                    least[c] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[way[column]];
            column = way[column];
        }
    }
    let mut result = vec![0; rows];
    for c in 1..=columns {
        if row_of[c] != 0 {
            result[row_of[c] - 1] = c - 1;
        }
    }
    result
}

impl Selection {
    /// Weight of each pair in the loss (B, K), and the sum by which it is divided: L / K_b and S · L, with K_b pairs of
    /// state b, L the most that a state has, and S states with any. States with equally many weigh 1 exactly.
    fn weights(&self, targets: usize) -> (Vec<f32>, f64) {
        let states = || self.kept.chunks_exact(targets.max(1));
        let pairs = |kept: &[f32]| kept.iter().sum::<f32>();
        let most = states().map(pairs).fold(0.0, f32::max);
        let weight = |kept: &[f32]| {
            let each = most / pairs(kept).max(1.0);
            kept.iter().map(|kept| kept * each).collect::<Vec<_>>()
        };
        let some = states().filter(|kept| pairs(kept) > 0.0).count();
        (states().flat_map(weight).collect(), (some as f64 * f64::from(most)).max(1.0))
    }
}

/// Mean over the states of `selection` of the mean distance of their assigned `chunks` (B, K, D) to `targets` (B, K,
/// D).
///
/// # Errors
/// [`Error::Torch`] if the shapes do not fit.
pub fn loss(chunks: &Tensor, targets: &Tensor, selection: &Selection) -> Result<Tensor> {
    let (states, count, _) = targets.size3()?;
    let (weights, total) = selection.weights(count as usize);
    let weights = Tensor::f_from_slice(&weights)?.f_view([states, count])?.f_to_device(targets.device())?;
    let squared = (chunks.f_sub(targets)?).f_square()?.f_mean_dim([2i64].as_slice(), false, Kind::Float)?;
    let distances = squared.f_add_scalar(ROOT_GUARD)?.f_sqrt()?;
    Ok(distances.f_mul(&weights)?.f_sum(Kind::Float)?.f_div_scalar(total)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two states on a line: targets at 0 and 1; the second state has one kept target.
    #[test]
    fn a_share_of_the_candidates_is_rejected_in_every_state() {
        // Two states of four candidates and one target.
        let distances = [0.4, 0.1, 0.3, 0.2, 4.0, 1.0, 3.0, 2.0];
        let of = |share: f64| at_least(&[0.05, 2.5], &distances, &[true, true], 4, share);
        assert_eq!(of(0.2), [0.05, 2.5]);
        assert_eq!(of(0.5), [f64::from(0.2f32), 2.5]);
        let selection = select(&distances, &[true, true], 4, 1, &of(0.5)).unwrap();
        // The third nearest of the first state; of the second the third too, as two lie within its own distance.
        assert_eq!((selection.candidates, selection.diagnostics.survivor_share), (vec![2, 2], 0.5));
        assert_eq!(of(0.99)[0], f64::from(0.3f32));
        // Two targets, of which one does not count.
        let masked = at_least(&[0.0], &[0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6], &[false, true], 4, 0.25);
        assert_eq!(masked, [f64::from(0.6f32)]);
    }

    #[test]
    fn hand_worked_case() {
        // Candidates of state 0: 0.05 (rejected by target 0), 0.3, 0.4, 0.98 (rejected by target 1).
        // Candidates of state 1: -0.5, 0.2, 1.0 (target 1 is masked, so it stays), 2.0.
        let x = [[0.05f32, 0.3, 0.4, 0.98], [-0.5, 0.2, 1.0, 2.0]];
        let y = [0.0f32, 1.0];
        let d: Vec<f32> = x.iter().flatten().flat_map(|x| y.map(|y| (x - y).abs())).collect();
        let s = select(&d, &[true, true, true, false], 4, 2, &[0.1, 0.1]).unwrap();
        assert_eq!(s.candidates, [1, 2, 1, 0]);
        assert_eq!(s.kept, [1.0, 1.0, 1.0, 0.0]);
        assert_eq!((s.diagnostics.assigned, s.diagnostics.dropped), (3, 0));
        assert_eq!(s.within, [0.5, 0.0]);
        // Each state rejects within its own distance.
        let wide = select(&d, &[true, true, true, false], 4, 2, &[0.1, 0.6]).unwrap();
        assert_eq!((wide.candidates[2], wide.within), (2, vec![0.5, 0.5]));
        assert!((s.diagnostics.survivor_share - 6.0 / 8.0).abs() < 1e-12);
        assert!((s.diagnostics.nearest - (0.3 + 0.6 + 0.2) / 3.0).abs() < 1e-6);
        assert!((s.diagnostics.nearest_unrejected - (0.05 + 0.02 + 0.2) / 3.0).abs() < 1e-6);
    }

    #[test]
    fn joint_assignment_beats_greedy_and_drops_what_is_left_over() {
        // Target 0 is nearest to candidate 0, but only candidate 0 is near target 1.
        let d = [0.2, 0.3, 0.4, 2.0];
        let s = select(&d, &[true, true], 2, 2, &[0.0]).unwrap();
        assert_eq!(s.candidates, [1, 0]);
        let s = select(&[0.2, 0.3], &[true, true], 1, 2, &[0.0]).unwrap();
        assert_eq!((s.kept, s.diagnostics.dropped), (vec![1.0, 0.0], 1));
        let s = select(&[0.2, 0.3], &[true], 2, 1, &[0.5]).unwrap();
        assert_eq!((s.kept, s.diagnostics.dropped, s.diagnostics.assigned), (vec![0.0], 1, 0));
        assert!(select(&[0.2], &[true], 2, 1, &[0.5]).is_err());
        // As many targets as candidates: nothing is rejected, everything assigned.
        let s = select(&[0.0, 1.0, 0.1, 0.9], &[true, true], 2, 2, &[0.5]).unwrap();
        assert_eq!((s.candidates, s.diagnostics.survivor_share), (vec![0, 1], 1.0));
    }

    #[test]
    fn distances_are_per_element() {
        let x = Tensor::from_slice(&[0.0f32, 0.0, 0.0, 0.0]).view([1, 1, 4]);
        let y = Tensor::from_slice(&[1.0f32, 1.0, 1.0, 1.0]).view([1, 1, 4]);
        assert!((distances(&x, &y).unwrap().double_value(&[0, 0, 0]) - 1.0).abs() < 1e-6);
        let one = Selection { kept: vec![1.0], ..Selection::default() };
        assert!((loss(&x, &y, &one).unwrap().double_value(&[]) - 1.0).abs() < 1e-6);
    }

    /// A state with one target and one with ten: half of the loss and of the gradient is of each.
    #[test]
    fn a_state_counts_once_however_many_targets_it_has() {
        // Chunks of one value at distance 0.5 from the target of state 0, and at 0.1, 0.2 … 1.0 from those of state 1.
        let mut x = vec![0.0f32; 20];
        x[0] = 0.5;
        (0..10).for_each(|k| x[10 + k] = 0.1 * (k + 1) as f32);
        let mut kept = vec![1.0; 20];
        kept[1..10].fill(0.0);
        let selection = Selection { kept, ..Selection::default() };
        let chunks = Tensor::from_slice(&x).view([2, 10, 1]).set_requires_grad(true);
        let targets = Tensor::zeros([2, 10, 1], (Kind::Float, tch::Device::Cpu));
        let value = loss(&chunks, &targets, &selection).unwrap();
        assert!((value.double_value(&[]) - (0.5 + 0.55) / 2.0).abs() < 1e-6, "{value}");
        let gradient = Tensor::run_backward(&[&value], &[&chunks], false, false).swap_remove(0);
        let of = |b: i64| gradient.select(0, b).abs().sum(Kind::Float).double_value(&[]);
        assert!((of(0) - 0.5).abs() < 1e-6 && (of(1) - 0.5).abs() < 1e-6, "{gradient}");
    }

    #[test]
    fn equally_many_targets_are_a_plain_mean() {
        let weights =
            |kept: &[f32], targets| Selection { kept: kept.to_vec(), ..Selection::default() }.weights(targets);
        assert_eq!(weights(&[1.0, 0.0, 1.0], 1), (vec![1.0, 0.0, 1.0], 2.0));
        assert_eq!(weights(&[1.0; 6], 3), (vec![1.0; 6], 6.0));
        assert_eq!(weights(&[1.0, 1.0, 0.0, 1.0, 0.0, 0.0], 2), (vec![1.0, 1.0, 0.0, 2.0, 0.0, 0.0], 4.0));
        assert_eq!(weights(&[0.0; 2], 1), (vec![0.0; 2], 1.0));
    }

    proptest! {
        #[test]
        fn assignment_is_the_best_of_all(costs in prop::collection::vec(0.0f64..1.0, 12)) {
            let at = |r: usize, c: usize| costs[r * 4 + c];
            let found: f64 = hungarian(3, 4, at).iter().enumerate().map(|(r, c)| at(r, *c)).sum();
            let mut best = f64::INFINITY;
            for (a, b, c) in (0..64).map(|i| (i / 16, i / 4 % 4, i % 4)).filter(|(a, b, c)| a != b && b != c && a != c) {
                best = best.min(at(0, a) + at(1, b) + at(2, c));
            }
            prop_assert!((found - best).abs() < 1e-9, "{found} instead of {best}");
        }
    }
}
