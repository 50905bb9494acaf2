//! Two contenders on the same episodes: who solves what the other does not, and whether that is chance. The reference
//! of a cell is the first contender of its part.

use super::cell::{PlanCell, PlanFigures};
use super::parts::PARTS;

/// Numbers of episodes after which a contender that is clearly apart from its reference is stopped.
pub const LOOKS: [usize; 2] = [20, 40];
/// Largest share of series in which a whole series without any difference would be called one.
const LEVEL: f64 = 0.05;

/// The same episodes for a contender and its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// Episodes that both have run.
    pub episodes: usize,
    /// Of them, those that the contender alone solved.
    pub won: usize,
    /// Of them, those that the reference alone solved.
    pub lost: usize,
}

impl Pairs {
    /// Of two series of `0` and `1`, from the same first episode on; as many pairs as the shorter is long.
    pub fn of(own: &str, reference: &str) -> Self {
        let pairs = || own.bytes().zip(reference.bytes());
        Self {
            episodes: pairs().count(),
            won: pairs().filter(|(a, b)| a > b).count(),
            lost: pairs().filter(|(a, b)| a < b).count(),
        }
    }

    /// Success of the contender less that of the reference.
    pub fn difference(&self) -> f64 {
        (self.won as f64 - self.lost as f64) / self.episodes.max(1) as f64
    }

    /// The 95 % interval of the difference: the adjusted Wald interval for paired shares (Bonett and Price 2012).
    pub fn interval95(&self) -> [f64; 2] {
        const Z: f64 = 1.959_963_984_540_054;
        let n = self.episodes as f64 + 2.0;
        let (won, lost) = ((self.won as f64 + 1.0) / n, (self.lost as f64 + 1.0) / n);
        let half = Z * ((won + lost - (won - lost).powi(2)) / n).sqrt();
        [(won - lost - half).max(-1.0), (won - lost + half).min(1.0)]
    }

    /// Two-sided p value of no difference: the exact test of McNemar (1947), a sign test of the pairs that differ.
    pub fn p_value(&self) -> f64 {
        let (differ, fewer) = (self.won + self.lost, self.won.min(self.lost));
        // ln C(n, k) − n ln 2, from one k to the next.
        let mut term = -(differ as f64) * std::f64::consts::LN_2;
        let mut tail = term.exp();
        for k in 0..fewer {
            term += (((differ - k) as f64) / (k as f64 + 1.0)).ln();
            tail += term.exp();
        }
        (2.0 * tail).min(1.0)
    }

    /// Whether the two are so clearly apart that the remaining episodes need not be run: p below 5 % shared out among
    /// all looks, the last included (Bonferroni), so that looking several times does not find more than looking once.
    pub fn apart(&self) -> bool {
        self.p_value() < LEVEL / (LOOKS.len() + 1) as f64
    }
}

/// Name of the contender that the others of `part` are compared with.
fn reference<'a>(part: &str, cells: &'a [PlanCell]) -> Option<&'a str> {
    match PARTS.iter().find(|p| p.name == part) {
        Some(part) => part.contenders.first().map(|c| c.name.as_str()),
        None => cells.iter().find(|c| c.part == part).map(|c| c.contender.as_str()),
    }
}

/// Which episodes of `cell` its reference solved, a digit each; nothing if that is not known, or `cell` is the
/// reference.
pub fn solved<'a>(cell: &PlanCell, cells: &[PlanCell], results: &'a [Option<PlanFigures>]) -> Option<&'a str> {
    let name = reference(&cell.part, cells).filter(|name| *name != cell.contender)?;
    let same = |other: &PlanCell| {
        let key = |c: &PlanCell| (c.part.clone(), c.task.clone(), c.mismatch.clone(), c.episodes, c.seed);
        other.contender == name && key(other) == key(cell)
    };
    let found = cells.iter().zip(results).find(|(other, result)| same(other) && result.is_some());
    found?.1.as_ref()?.solved.as_deref()
}

/// Episodes of `cell` beside those of its reference, where both are known.
pub fn pairs(
    cell: &PlanCell,
    result: &PlanFigures,
    cells: &[PlanCell],
    results: &[Option<PlanFigures>],
) -> Option<Pairs> {
    Some(Pairs::of(result.solved.as_deref()?, solved(cell, cells, results)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(episodes: usize, won: usize, lost: usize) -> Pairs {
        Pairs { episodes, won, lost }
    }

    #[test]
    fn pairs_are_counted_as_far_as_both_go() {
        assert_eq!(Pairs::of("0110", "010110"), pairs(4, 1, 1));
        assert_eq!(Pairs::of("", "01"), pairs(0, 0, 0));
    }

    #[test]
    fn p_values_are_those_of_the_sign_test() {
        // 2 · (1 + 10 + 45) / 2¹⁰.
        assert!((pairs(100, 8, 2).p_value() - 112.0 / 1024.0).abs() < 1e-12);
        assert!((pairs(20, 0, 7).p_value() - 2.0 / 128.0).abs() < 1e-12);
        assert_eq!((pairs(9, 3, 3).p_value(), pairs(9, 0, 0).p_value()), (1.0, 1.0));
        let many = pairs(10_000, 4000, 4400).p_value();
        assert!(many > 1e-6 && many < 1e-4, "{many}");
    }

    #[test]
    fn a_cell_is_stopped_only_when_clearly_apart() {
        assert!(pairs(20, 0, 7).apart() && !pairs(20, 0, 6).apart() && !pairs(40, 3, 12).apart());
    }

    #[test]
    fn no_difference_is_called_one_less_often_than_the_level() {
        // Pairs that differ with probability 0.4, each way alike: a walk that stops at a look.
        let draw = |seed: u64| {
            use imle_configs::seed::{Purpose, stream};
            use rand::Rng;
            let mut rng = stream(seed, Purpose::Bench, 0, 0, 0);
            let mut so_far = pairs(0, 0, 0);
            (0..100).any(|_| {
                so_far.episodes += 1;
                match rng.random_range(0..10) {
                    0 | 1 => so_far.won += 1,
                    2 | 3 => so_far.lost += 1,
                    _ => {}
                }
                [20, 40, 100].contains(&so_far.episodes) && so_far.apart()
            })
        };
        let called = (0..2000).filter(|seed| draw(*seed)).count();
        assert!(called < 100, "{called} of 2000");
    }

    #[test]
    fn intervals_hold_the_difference() {
        let of = pairs(100, 5, 25);
        let [low, high] = of.interval95();
        assert!(low < of.difference() && of.difference() < high && high < 0.0);
        let [low, high] = pairs(100, 0, 0).interval95();
        assert!((low + high).abs() < 1e-12 && high < 0.03);
    }
}
