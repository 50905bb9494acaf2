//! The cost of a state: weighted residuals and a ladder of rungs.
//!
//! c(s) = Σ_k w_k min(limit_k, n_k((q_k(s) − target_k) / scale_k)) + L(s), with the ladder
//! L(s) = (R − 1 − i) + r_i(s) for the highest rung i of R whose comparisons all hold in s, and r_i in [0, 1) the
//! weighted mean of the rung's clipped residuals. A rung gained always outweighs the residual lost. It needs no
//! memory of the past, so a rollout can start anywhere.

use crate::task::file::{CostFile, NormFile, QuantityNames, TermFile};
use crate::task::predicate::Predicate;
use crate::task::quantities::Quantities;
use imle_configs::{Error as InputError, Result};

/// Largest residual of a rung: below 1, so that a rung is always worth more.
const MOST_RESIDUAL: f64 = 0.999;
/// Residual below which the slope of |r| goes to 0, so that its curvature stays finite.
const LEAST_RESIDUAL: f64 = 0.01;

#[derive(Clone, Debug)]
struct Term {
    quantities: Vec<usize>,
    target: f64,
    scale: f64,
    weight: f64,
    norm: NormFile,
    limit: f64,
}

impl Term {
    fn new(file: &TermFile, quantities: &Quantities) -> Result<Self> {
        InputError::ensure(file.scale > 0.0 && file.scale.is_finite(), "scale", "a positive number", file.scale)?;
        let expected = "a number of at least 0";
        InputError::ensure(file.weight >= 0.0 && file.weight.is_finite(), "weight", expected, file.weight)?;
        InputError::ensure(file.target.is_finite(), "target", "a finite number", file.target)?;
        if let NormFile::Power(p) = file.norm
            && !(p > 0.0 && p <= 4.0)
        {
            return Err(InputError::unexpected("norm.power", "above 0 and at most 4", p));
        }
        let limit = file.limit.unwrap_or(f64::INFINITY);
        InputError::ensure(limit > 0.0, "limit", "a positive number", limit)?;
        let quantities = match &file.quantity {
            QuantityNames::One(name) => vec![quantities.index(name)?],
            QuantityNames::Many(names) => names.iter().map(|n| quantities.index(n)).collect::<Result<_>>()?,
        };
        InputError::ensure(!quantities.is_empty(), "quantity", "at least one", "none")?;
        Ok(Self { quantities, target: file.target, scale: file.scale, weight: file.weight, norm: file.norm, limit })
    }

    fn residuals<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.quantities.iter().map(|q| (values[*q] - self.target) / self.scale)
    }

    fn normed(&self, values: &[f64]) -> f64 {
        let sum = |norm: &dyn Fn(f64) -> f64| self.residuals(values).map(norm).sum::<f64>();
        let norm = match self.norm {
            NormFile::L1 => sum(&f64::abs),
            NormFile::L2 => sum(&|r| r * r).sqrt(),
            NormFile::Quadratic => sum(&|r| 0.5 * r * r),
            NormFile::SmoothAbs => sum(&|r| (r * r + 0.01).sqrt() - 0.1),
            NormFile::Huber => sum(&|r| if r.abs() <= 1.0 { 0.5 * r * r } else { r.abs() - 0.5 }),
            NormFile::Power(p) => sum(&|r| r.abs().powf(p)),
        };
        if norm > self.limit { self.limit } else { norm }
    }

    /// Adds `share` of the term. With n the norm, r the residual, the parabola through n(r) with slope n'(r) that is
    /// least at r = 0 has the curvature n'(r) / r (half-quadratic, Geman and Reynolds 1992): Gauss–Newton with
    /// reweighted residuals.
    fn expand(&self, values: &[f64], share: f64, out: &mut Vec<Slope>) {
        if self.normed(values) >= self.limit {
            return;
        }
        let length = self.residuals(values).map(|r| r * r).sum::<f64>().sqrt();
        for (quantity, r) in self.quantities.iter().zip(self.residuals(values)) {
            let least = r.abs().max(LEAST_RESIDUAL);
            let curvature = match self.norm {
                NormFile::L1 => 1.0 / least,
                NormFile::L2 => 1.0 / length.max(LEAST_RESIDUAL),
                NormFile::Quadratic => 1.0,
                NormFile::SmoothAbs => 1.0 / (r * r + 0.01).sqrt(),
                NormFile::Huber => 1.0 / r.abs().max(1.0),
                NormFile::Power(p) => p * least.powf(p - 2.0),
            };
            let share = share * curvature / self.scale;
            out.push(Slope { quantity: *quantity, slope: share * r, curvature: share / self.scale });
        }
    }
}

/// Derivative of the cost by one of its quantities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Index of the quantity.
    pub quantity: usize,
    /// First derivative of the cost by it.
    pub slope: f64,
    /// Curvature of a parabola that touches the term here and lies above it everywhere else (with a power above 2,
    /// below).
    pub curvature: f64,
}

/// One term of the cost in a state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostPart<'a> {
    /// The rung whose residual it is; nothing for a term that always counts.
    pub rung: Option<&'a str>,
    /// Indices of its quantities.
    pub quantities: &'a [usize],
    /// Weight.
    pub weight: f64,
    /// Norm, clipped as in the cost.
    pub norm: f64,
}

#[derive(Clone, Debug)]
struct Rung {
    name: String,
    when: Vec<Predicate>,
    residual: Vec<Term>,
}

/// The cost function of a task.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Weight of the mean over a rollout's control steps.
    pub running: f64,
    /// Weight of the last state.
    pub terminal: f64,
    terms: Vec<Term>,
    rungs: Vec<Rung>,
}

impl Cost {
    /// Resolves the cost of a task file.
    ///
    /// # Errors
    /// A bad input, with the index of the rung or term.
    pub fn resolve(file: &CostFile, quantities: &Quantities) -> Result<Self> {
        for (key, weight) in [("cost.running", file.running), ("cost.terminal", file.terminal)] {
            InputError::ensure(weight >= 0.0 && weight.is_finite(), key, "a number of at least 0", weight)?;
        }
        let terms = file.term.iter().enumerate();
        let terms = terms.map(|(i, t)| Term::new(t, quantities).map_err(|e| e.in_file(format!("cost.term[{i}]"))));
        let rungs = file.rung.iter().map(|r| {
            let place = |e: InputError| e.in_file(format!("cost.rung `{}`", r.name));
            let when = Predicate::parse_all(&r.when, quantities.names()).map_err(place)?;
            let residual = r.residual.iter().map(|t| Term::new(t, quantities)).collect::<Result<_>>().map_err(place)?;
            Ok(Rung { name: r.name.clone(), when, residual })
        });
        let cost = Self {
            running: file.running,
            terminal: file.terminal,
            terms: terms.collect::<Result<_>>()?,
            rungs: rungs.collect::<Result<_>>()?,
        };
        match cost.rungs.first() {
            Some(first) if !first.when.is_empty() => Err(InputError::unexpected(
                format!("cost.rung `{}`", first.name),
                "a first rung without `when`, so that every state is on some rung",
                format!("{} comparisons", first.when.len()),
            )),
            None if cost.terms.is_empty() => Err(InputError::unexpected("cost", "at least one term or rung", "none")),
            _ => Ok(cost),
        }
    }

    /// The cost for the evaluated quantities.
    pub fn value(&self, values: &[f64]) -> f64 {
        let terms: f64 = self.terms.iter().map(|t| t.weight * t.normed(values)).sum();
        terms + self.ladder(values)
    }

    /// Writes how the cost changes with its quantities. The jumps between rungs have no slope, nor has a residual that
    /// is clipped: what is written holds within the rung that `values` are on.
    pub fn slopes(&self, values: &[f64], out: &mut Vec<Slope>) {
        out.clear();
        self.terms.iter().for_each(|t| t.expand(values, t.weight, out));
        let Some((index, _)) = self.rung(values) else { return };
        let residual = &self.rungs[index].residual;
        let weights: f64 = residual.iter().map(|t| t.weight).sum();
        let open = |t: &&Term| weights > 0.0 && t.normed(values) < 1.0;
        residual.iter().filter(open).for_each(|t| t.expand(values, t.weight / weights, out));
    }

    /// Index and name of the highest rung whose comparisons hold; nothing without a ladder.
    pub fn rung(&self, values: &[f64]) -> Option<(usize, &str)> {
        let index = self.rungs.iter().rposition(|r| r.when.iter().all(|c| c.holds(values)))?;
        Some((index, &self.rungs[index].name))
    }

    /// The weighted terms that always count, in the file's order, then the residuals of the rung that `values` are on:
    /// the indices of each one's quantities, its weight, and its norm for these values.
    pub fn parts<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = CostPart<'a>> + 'a {
        let rung = self.rung(values).map(|(index, name)| (name, &self.rungs[index].residual));
        let of = |rung: Option<&'a str>, t: &'a Term| {
            let norm = if rung.is_some() { t.normed(values).clamp(0.0, 1.0) } else { t.normed(values) };
            CostPart { rung, quantities: &t.quantities, weight: t.weight, norm }
        };
        let always = self.terms.iter().map(move |t| of(None, t));
        always.chain(rung.into_iter().flat_map(move |(name, residual)| residual.iter().map(move |t| of(Some(name), t))))
    }

    /// The quantities of the terms, each set once: of those that always count, then of the rungs' residuals.
    pub fn subjects(&self) -> Vec<&[usize]> {
        let mut subjects: Vec<&[usize]> = Vec::new();
        for term in self.terms.iter().chain(self.rungs.iter().flat_map(|r| &r.residual)) {
            if !subjects.contains(&term.quantities.as_slice()) {
                subjects.push(&term.quantities);
            }
        }
        subjects
    }

    /// Contribution of each of the [`subjects`](Self::subjects) to the cost for these values; 0 for the residuals of
    /// other rungs. With the rungs that are missing they are the cost, but for the limit of a rung's residual.
    pub fn contributions(&self, values: &[f64]) -> Vec<f64> {
        let (subjects, rung) = (self.subjects(), self.rung(values).map(|(index, _)| &self.rungs[index].residual));
        let total: f64 = rung.iter().flat_map(|r| r.iter()).map(|t| t.weight).sum();
        let mut added = vec![0.0; subjects.len()];
        for part in self.parts(values) {
            let share = if part.rung.is_some() { part.weight / total.max(f64::MIN_POSITIVE) } else { part.weight };
            if let Some(i) = subjects.iter().position(|s| *s == part.quantities) {
                added[i] += share * part.norm;
            }
        }
        added
    }

    /// Multiplies the weights of all terms of each of the [`subjects`](Self::subjects); those without a factor keep
    /// theirs.
    ///
    /// # Errors
    /// A bad input: a factor that is negative or not finite.
    pub fn scale(&mut self, factors: &[f64]) -> Result<()> {
        for factor in factors {
            InputError::ensure(*factor >= 0.0 && factor.is_finite(), "cost factor", "a number of at least 0", factor)?;
        }
        let subjects: Vec<Vec<usize>> = self.subjects().into_iter().map(<[usize]>::to_vec).collect();
        for term in self.terms.iter_mut().chain(self.rungs.iter_mut().flat_map(|r| &mut r.residual)) {
            let index = subjects.iter().position(|s| *s == term.quantities);
            term.weight *= index.and_then(|i| factors.get(i)).unwrap_or(&1.0);
        }
        Ok(())
    }

    /// Names of the rungs, first to last.
    pub fn rung_names(&self) -> Vec<&str> {
        self.rungs.iter().map(|r| r.name.as_str()).collect()
    }

    fn ladder(&self, values: &[f64]) -> f64 {
        let Some((index, _)) = self.rung(values) else { return 0.0 };
        let (mut sum, mut weights) = (0.0, 0.0);
        for term in &self.rungs[index].residual {
            sum += term.weight * term.normed(values).clamp(0.0, 1.0);
            weights += term.weight;
        }
        let residual = if weights > 0.0 { (sum / weights).min(MOST_RESIDUAL) } else { 0.0 };
        (self.rungs.len() - 1 - index) as f64 + residual
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::file::RungFile;
    use proptest::prelude::*;

    fn quantities() -> Quantities {
        crate::task::quantities::tests::of_names(&["height", "reach"])
    }

    fn term(quantity: &str, target: f64, scale: f64) -> TermFile {
        TermFile {
            quantity: QuantityNames::One(quantity.into()),
            target,
            scale,
            weight: 1.0,
            norm: NormFile::L1,
            limit: None,
        }
    }

    fn ladder() -> Cost {
        let rung = |name: &str, when: &[&str], residual| RungFile {
            name: name.into(),
            when: when.iter().map(|s| s.to_string()).collect(),
            residual,
        };
        let file = CostFile {
            running: 1.0,
            terminal: 1.0,
            term: vec![],
            rung: vec![
                rung("reach", &[], vec![term("reach", 0.0, 0.5)]),
                rung("lift", &["reach < 0.02"], vec![term("height", 0.1, 0.1)]),
                rung("done", &["reach < 0.02", "height > 0.08"], vec![]),
            ],
        };
        Cost::resolve(&file, &quantities()).unwrap()
    }

    #[test]
    fn contributions_are_the_cost_and_weights_are_scaled_by_subject() {
        let mut cost = ladder();
        assert_eq!(cost.subjects(), [[1], [0]]);
        let at = [0.05, 0.01];
        assert_eq!(cost.contributions(&at), [0.0, 0.5]);
        assert!((cost.contributions(&at).iter().sum::<f64>() + 1.0 - cost.value(&at)).abs() < 1e-12);
        cost.terms.push(Term { weight: 2.0, ..cost.rungs[0].residual[0].clone() });
        let before = cost.value(&at);
        cost.scale(&[3.0]).unwrap();
        // The one rung's residual is a mean, so that only the term that always counts is worth more.
        assert!((cost.value(&at) - before - 2.0 * cost.contributions(&at)[0] / 3.0).abs() < 1e-12);
        assert!(cost.scale(&[-1.0]).is_err() && cost.scale(&[f64::NAN]).is_err());
    }

    #[test]
    fn hand_worked_rungs() {
        let cost = ladder();
        let value = |reach: f64, height: f64| cost.value(&[height, reach]);
        assert!((value(0.25, 0.0) - 2.5).abs() < 1e-12);
        assert!((value(9.0, 0.0) - 2.999).abs() < 1e-12);
        assert!((value(0.01, 0.05) - 1.5).abs() < 1e-12);
        assert_eq!(value(0.01, 0.09), 0.0);
        assert_eq!(cost.rung(&[0.05, 0.01]), Some((1, "lift")));
    }

    #[test]
    fn slopes_are_those_of_differences_within_a_rung_and_none_where_clipped() {
        let cost = ladder();
        let mut slopes = Vec::new();
        cost.slopes(&[0.0, 0.25], &mut slopes);
        let difference = (cost.value(&[0.0, 0.25 + 1e-6]) - cost.value(&[0.0, 0.25])) / 1e-6;
        assert_eq!(slopes.len(), 1);
        assert!(slopes[0].quantity == 1 && (slopes[0].slope - difference).abs() < 1e-6, "{slopes:?}, {difference}");
        // The parabola is least where the residual is 0.
        assert!((slopes[0].slope - 0.25 * slopes[0].curvature).abs() < 1e-9);
        cost.slopes(&[0.0, 9.0], &mut slopes);
        assert!(slopes.is_empty());
        let norms = [NormFile::L1, NormFile::L2, NormFile::Quadratic, NormFile::SmoothAbs, NormFile::Huber];
        for norm in norms.into_iter().chain([NormFile::Power(1.5), NormFile::Power(2.0)]) {
            let file = CostFile {
                running: 1.0,
                terminal: 0.0,
                term: vec![TermFile { norm, weight: 3.0, ..term("reach", 0.1, 0.5) }],
                rung: vec![],
            };
            let cost = Cost::resolve(&file, &quantities()).unwrap();
            for at in [-0.7, 0.3, 0.9] {
                cost.slopes(&[0.0, at], &mut slopes);
                let difference = (cost.value(&[0.0, at + 1e-6]) - cost.value(&[0.0, at - 1e-6])) / 2e-6;
                assert!((slopes[0].slope - difference).abs() < 1e-6, "{norm:?} at {at}: {slopes:?}, {difference}");
                for far in [-2.0, 0.0, 1.0] {
                    let d = far - at;
                    let above = cost.value(&[0.0, at]) + slopes[0].slope * d + slopes[0].curvature * d * d / 2.0;
                    assert!(above > cost.value(&[0.0, far]) - 1e-9);
                }
            }
        }
    }

    #[test]
    fn a_vector_has_one_length_and_a_limit_flattens() {
        let of = |norm, limit| {
            let quantity = QuantityNames::Many(vec!["height".into(), "reach".into()]);
            let term = vec![TermFile { quantity, norm, limit, ..term("reach", 0.0, 2.0) }];
            let file = CostFile { running: 1.0, terminal: 0.0, term, rung: vec![] };
            Cost::resolve(&file, &quantities()).unwrap()
        };
        let at = [6.0, 8.0];
        let expected = [
            (NormFile::L1, 7.0),
            (NormFile::L2, 5.0),
            (NormFile::Quadratic, 12.5),
            (NormFile::Huber, 6.0),
            (NormFile::Power(2.0), 25.0),
        ];
        for (norm, value) in expected {
            assert!((of(norm, None).value(&at) - value).abs() < 1e-12, "{norm:?}");
        }
        let limited = of(NormFile::L2, Some(4.0));
        assert_eq!(limited.value(&at), 4.0);
        let mut slopes = Vec::new();
        limited.slopes(&at, &mut slopes);
        assert!(slopes.is_empty());
        of(NormFile::L2, None).slopes(&at, &mut slopes);
        assert!((slopes[0].slope - 0.3).abs() < 1e-12 && (slopes[1].slope - 0.4).abs() < 1e-12, "{slopes:?}");
    }

    proptest! {
        #[test]
        fn a_higher_rung_always_costs_less(a in 0.0..0.04f64, b in 0.0..0.16f64, c in 0.0..0.04f64, d in 0.0..0.16f64) {
            let cost = ladder();
            let rung = |v: &[f64]| cost.rung(v).unwrap().0;
            let (x, y) = ([b, a], [d, c]);
            prop_assume!(rung(&x) > rung(&y));
            prop_assert!(cost.value(&x) < cost.value(&y));
        }
    }
}
