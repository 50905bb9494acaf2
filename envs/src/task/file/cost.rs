//! `[cost]`: what the planner minimises.

use serde::Deserialize;

/// `[cost]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostFile {
    /// Weight of the mean cost over the rollout's control steps.
    pub running: f64,
    /// Weight of the cost of the rollout's last state.
    pub terminal: f64,
    /// Weighted residuals that always count.
    #[serde(default)]
    pub term: Vec<TermFile>,
    /// The ladder, first rung to last; may be empty.
    #[serde(default)]
    pub rung: Vec<RungFile>,
}

/// One weighted, normed residual: weight · min(limit, norm((quantity − target) / scale)).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermFile {
    /// Name of a quantity, or a list of names: then the residual is a vector.
    pub quantity: QuantityNames,
    /// Desired value.
    #[serde(default)]
    pub target: f64,
    /// Difference that counts as 1.
    pub scale: f64,
    /// Weight.
    #[serde(default = "unit")]
    pub weight: f64,
    /// Norm that makes the scaled residual a cost.
    #[serde(default)]
    pub norm: NormFile,
    /// Most that the norm may be; no limit if absent.
    pub limit: Option<f64>,
}

fn unit() -> f64 {
    1.0
}

/// Quantities of a term.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "the name of a quantity, or a list of names")]
pub enum QuantityNames {
    /// One quantity.
    One(String),
    /// Several, with the same target and scale.
    Many(Vec<String>),
}

/// Norms of a residual r, a vector of one value or more. All but `l2` are sums over its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormFile {
    /// |r|
    #[default]
    L1,
    /// √(Σ r²)
    L2,
    /// r² / 2
    Quadratic,
    /// √(r² + 0.01) − 0.1
    SmoothAbs,
    /// r² / 2 up to 1, |r| − ½ beyond (Huber 1964)
    Huber,
    /// |r| to this power, above 0 and at most 4
    Power(f64),
}

/// One `[[cost.rung]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungFile {
    /// Name, for diagnostics.
    pub name: String,
    /// Predicates that all hold on this rung, e.g. `reach < 0.02 and not lost > 0`; empty for the first rung.
    #[serde(default)]
    pub when: Vec<String>,
    /// Residuals of this rung; their weighted mean counts, each clipped to [0, 1].
    #[serde(default)]
    pub residual: Vec<TermFile>,
}
