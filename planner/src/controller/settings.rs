//! The settings of a controller, as flags and files give them.

use crate::optimizer::{self, OptimizerSettings};
use crate::rollout::ensemble::{MOST_MODELS, Risk};
use crate::{parameterization::ParameterizationKind, proposal::ProposalSource, rollout::staged::StagedSettings};
use imle_configs::{Error as InputError, Result, as_text, named};
#[cfg(feature = "libtorch")]
use imle_policy::method::SamplingOverrides;
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf, str::FromStr};

/// Name of the planner's own model among [`ControllerSettings::models`], and of no optimizer.
pub(super) const NONE: &str = "none";
/// Probability of an improvement that [`Budget::Auto`] stops below by default.
pub const ENOUGH: f64 = 0.2;

/// Number of candidates that are rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Budget {
    /// All of them: `all`.
    #[default]
    All,
    /// As many as it takes until as many again would improve the plan with a probability below this: `auto:P`.
    Auto(f64),
}

/// A way to make rollouts cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Shortcut {
    /// Rollouts that are certain not to be the best end early; the plan is the same: `abort`.
    Abort,
    /// The worse half ends at a quarter and at a half of the horizon: `halving`.
    Halving,
    /// Twice the planner's timestep: `coarse`.
    Coarse,
    /// An even share of all proposals first, as a deadline wants it: `stages`.
    Stages,
}

/// Choice of a chunk by a generator without an optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ChoiceKind {
    /// The first draw: `first`.
    #[default]
    First,
    /// The one nearest to the last plan, as in the IMLE Policy paper: `consistent`.
    Consistent,
    /// Of those that go on with the last plan the one in the densest part: `typical`.
    Typical,
}

impl FromStr for Budget {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            None if text == "auto" => Ok(Self::Auto(ENOUGH)),
            Some(("auto", p)) => {
                let probability = p.parse().ok().filter(|p| *p > 0.0 && *p < 1.0);
                let expected = "auto:P with a probability P above 0 and below 1";
                probability.map(Self::Auto).ok_or_else(|| InputError::unexpected("--budget", expected, text))
            }
            _ => Err(InputError::unexpected("--budget", "all, auto or auto:P", text)),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Auto(p) => write!(f, "auto:{p}"),
        }
    }
}

as_text!(Budget);
named!(Shortcut, "shortcut", [Abort => "abort", Halving => "halving", Coarse => "coarse", Stages => "stages"]);
named!(ChoiceKind, "choice", [First => "first", Consistent => "consistent", Typical => "typical"]);

/// Settings of a controller: the flags `--optimizer`, `--proposals`, … as typed values.
///
/// ```
/// use imle_planner::ControllerSettings;
///
/// let settings = ControllerSettings { optimizer: "cem".into(), candidates: 64, ..Default::default() };
/// settings.check()?;
/// # Ok::<(), imle_planner::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ControllerSettings {
    /// Name of the optimizer ([`optimizer::NAMES`]); `none` for the generator alone.
    pub optimizer: String,
    /// Sources of candidates.
    pub proposals: Vec<ProposalSource>,
    /// Dataset that retrieval looks in; who builds the controller reads it.
    pub demonstrations: Option<PathBuf>,
    /// N, candidates a decision, those of all waves of a search together.
    pub candidates: usize,
    /// Number of them that are rolled out.
    pub budget: Budget,
    /// Cheaper rollouts.
    pub shortcuts: Vec<Shortcut>,
    /// T_act; `None` for the task's or the generator's.
    pub execute: Option<usize>,
    /// T_pred without a generator; `None` for 16.
    pub horizon: Option<usize>,
    /// Sampling of the generator.
    #[cfg(feature = "libtorch")]
    #[serde(flatten)]
    pub sampling: SamplingOverrides,
    /// Deviation of the noise proposals and of a search's first draws, in halves of an action's range (or deviations of
    /// a latent).
    pub noise: f64,
    /// Parameterization of the search; `None` for `linear`, or the only one that the optimizer can search in.
    pub parameterization: Option<ParameterizationKind>,
    /// Knots of splines, those of the noise proposals too.
    pub knots: usize,
    /// Waves of rollouts a decision; `None` for the optimizer's own number.
    pub waves: Option<usize>,
    /// Inverse sharpness of the weights of `mppi` and `dial`.
    pub lambda: f64,
    /// Share of a wave that is the elite of `cem`.
    pub elite: f64,
    /// Share of its cost by which another mode must be cheaper for `mode-preserving` to leave the one under way.
    pub margin: f64,
    /// Cost of a candidate's distance from the generator's own.
    pub proximal_cost: f64,
    /// By how much a plan may cost more than the best.
    pub near_optimal: f64,
    /// Chunks in a row that candidates are looked ahead of; 1 for none.
    pub depth: usize,
    /// Chains that a lookahead keeps.
    pub beam: usize,
    /// Ways in which each of them goes on.
    pub branches: usize,
    /// Models in all of which candidates are tried: `none`, the planner's own, and mismatches by name.
    pub models: Vec<String>,
    /// Rule that makes the costs in several models one.
    pub risk: Risk,
    /// Choice of the generator alone.
    pub choice: ChoiceKind,
    /// Decisions after which `consistent` chooses at random; 0 for never.
    pub resample_every: u64,
}

impl Default for ControllerSettings {
    /// Predictive sampling with 32 candidates of the generator and the last plan.
    fn default() -> Self {
        Self {
            optimizer: "predictive-sampling".into(),
            proposals: vec![ProposalSource::Policy, ProposalSource::LastPlan],
            demonstrations: None,
            candidates: 32,
            budget: Budget::All,
            shortcuts: Vec::new(),
            execute: None,
            horizon: None,
            #[cfg(feature = "libtorch")]
            sampling: SamplingOverrides::default(),
            noise: 0.1,
            parameterization: None,
            knots: 4,
            waves: None,
            lambda: 0.1,
            elite: 0.25,
            margin: 0.05,
            proximal_cost: 0.0,
            near_optimal: 0.0,
            depth: 1,
            beam: 4,
            branches: 4,
            models: vec![NONE.into()],
            risk: Risk::Mean,
            choice: ChoiceKind::First,
            resample_every: 10,
        }
    }
}

impl ControllerSettings {
    /// Whether the generator acts alone.
    pub fn is_policy_only(&self) -> bool {
        self.optimizer == NONE
    }

    /// Whether a generator has something to do.
    pub(super) fn uses_generator(&self) -> bool {
        let drawn = [ProposalSource::Policy, ProposalSource::NoisyPolicy];
        let searched = self.parameterization == Some(ParameterizationKind::Latent);
        self.is_policy_only() || searched || self.depth > 1 || self.proposals.iter().any(|p| drawn.contains(p))
    }

    /// Whether the shortcut is wanted.
    pub fn has(&self, shortcut: Shortcut) -> bool {
        self.shortcuts.contains(&shortcut)
    }

    /// Whether rollouts can come in stages, as a deadline wants them.
    pub fn may_have_stages(&self) -> bool {
        self.optimizer == "predictive-sampling" && !self.has(Shortcut::Halving) && !self.has(Shortcut::Stages)
    }

    /// Parameterization of the search: as set, or the optimizer's own.
    ///
    /// # Errors
    /// A bad input, if there is no such optimizer, or it cannot search there.
    pub fn parameterization(&self) -> Result<ParameterizationKind> {
        let only = match self.is_policy_only() {
            true => None,
            false => optimizer::by_name(&self.optimizer, self.optimizer_settings())?.parameterization(),
        };
        match (self.parameterization, only) {
            (Some(set), Some(only)) if set != only => {
                let expected = format!("{only} beside --optimizer {}", self.optimizer);
                Err(InputError::unexpected("--parameterization", expected, set))
            }
            (set, only) => Ok(set.or(only).unwrap_or_default()),
        }
    }

    pub(super) fn optimizer_settings(&self) -> OptimizerSettings {
        OptimizerSettings {
            noise: self.noise,
            waves: self.waves,
            lambda: self.lambda,
            elite: self.elite,
            margin: self.margin,
        }
    }

    /// Work between stages of rollouts; `None` if there are no stages.
    pub fn stages(&self) -> Option<StagedSettings> {
        let enough = match self.budget {
            Budget::All => None,
            Budget::Auto(probability) => Some(probability),
        };
        let abort = self.has(Shortcut::Abort);
        (abort || enough.is_some() || self.has(Shortcut::Stages)).then_some(StagedSettings { abort, enough })
    }

    /// Checks names, numbers, and that they go together, before anything is loaded.
    ///
    /// # Errors
    /// A bad input that names the flag.
    pub fn check(&self) -> crate::error::Result<()> {
        self.parameterization()?;
        let positive = |x: f64, most: f64| x > 0.0 && x <= most;
        InputError::ensure(positive(self.lambda, 100.0), "--lambda", "above 0 and at most 100", self.lambda)?;
        self.check_shortcuts()?;
        let (count, most) = (self.models.len(), format!("at most {MOST_MODELS} models"));
        InputError::ensure(count <= MOST_MODELS, "--models", most, count)?;
        let own = self.models == [NONE];
        InputError::ensure(own || self.depth <= 1, "--models", "the planner's own alone beside --depth", "others")?;
        for (flag, what, value) in [
            ("--margin", "a share of at least 0", self.margin),
            ("--proximal-cost", "a cost of at least 0", self.proximal_cost),
            ("--near-optimal", "a cost of at least 0", self.near_optimal),
        ] {
            InputError::ensure(value >= 0.0 && value.is_finite(), flag, what, value)?;
        }
        InputError::ensure(positive(self.elite, 1.0), "--elite", "a share above 0 and at most 1", self.elite)?;
        for (i, source) in self.proposals.iter().enumerate() {
            let once = !self.proposals[..i].contains(source);
            InputError::ensure(once, "--proposals", "each source once", format!("`{source}` twice"))?;
        }
        InputError::ensure(positive(self.noise, 10.0), "--noise", "a share above 0 and at most 10", self.noise)?;
        self.check_generator()?;
        let may_choose = self.choice == ChoiceKind::First || self.is_policy_only();
        let found = format!("--optimizer {}", self.optimizer);
        Ok(InputError::ensure(may_choose, "--choice", "--optimizer none beside it", found)?)
    }

    /// Refuses what only a generator heeds where none is asked.
    fn check_generator(&self) -> Result<()> {
        #[cfg(feature = "libtorch")]
        let sampling = {
            let SamplingOverrides { passes, solver, latents, temperature, precision } = &self.sampling;
            [
                ("--passes", passes.is_some()),
                ("--solver", solver.is_some()),
                ("--latents", latents.is_some()),
                ("--temperature", temperature.is_some()),
                ("--precision", precision.is_some()),
            ]
        };
        #[cfg(not(feature = "libtorch"))]
        let sampling: [(&str, bool); 0] = [];
        let names: Vec<&str> = self.proposals.iter().map(|p| p.name()).collect();
        let given = [("--proximal-cost", self.proximal_cost > 0.0)];
        let idle = given.iter().chain(&sampling).find(|(_, given)| *given && !self.uses_generator());
        idle.map_or(Ok(()), |(flag, _)| {
            let expected = "imle among --proposals, or --optimizer none, beside it";
            Err(InputError::unexpected(*flag, expected, format!("--proposals {}", names.join(","))))
        })
    }

    fn check_shortcuts(&self) -> Result<()> {
        let (staged, several) = (self.stages(), self.models.len() > 1);
        let (abort, halving) = (self.has(Shortcut::Abort), self.has(Shortcut::Halving));
        let flag = if staged.is_some_and(|s| s.enough.is_some()) { "--budget auto" } else { "--shortcuts" };
        let found = format!("--optimizer {}", self.optimizer);
        let fits = self.optimizer == "predictive-sampling" || !(staged.is_some() || halving);
        InputError::ensure(fits, flag, "--optimizer predictive-sampling beside it", found)?;
        let check =
            |holds: bool, expected: &str, found: &str| InputError::ensure(holds, "--shortcuts", expected, found);
        check(!(self.has(Shortcut::Coarse) && several), "one model beside coarse", "several")?;
        let together = (abort || halving) && (self.depth > 1 || several);
        check(!together, "one model and --depth 1 beside abort and halving", "others")?;
        check(!halving || staged.is_none(), "halving without abort and --budget auto", "both")?;
        let expected = "abort without --proximal-cost, which rollouts do not know of";
        check(!(abort && self.proximal_cost > 0.0), expected, &format!("--proximal-cost {}", self.proximal_cost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        for text in ["all", "auto:0.3"] {
            assert_eq!(text.parse::<Budget>().unwrap().to_string(), text);
        }
        assert_eq!("auto".parse::<Budget>().unwrap(), Budget::Auto(0.2));
        for bad in ["some", "auto:2", "auto:x"] {
            assert!(bad.parse::<Budget>().unwrap_err().to_string().contains("--budget"));
        }
        assert!("abrot".parse::<Shortcut>().unwrap_err().to_string().contains("`abort`"));
        assert!("tipical".parse::<ChoiceKind>().unwrap_err().to_string().contains("`typical`"));
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let refused = |change: fn(&mut ControllerSettings)| {
            let mut settings = ControllerSettings::default();
            change(&mut settings);
            let error = settings.check().unwrap_err();
            assert!(error.is_input());
            error.to_string()
        };
        ControllerSettings::default().check().unwrap();
        assert!(refused(|s| s.lambda = 0.0).contains("--lambda"));
        assert!(refused(|s| s.near_optimal = f64::NAN).contains("--near-optimal"));
        assert!(refused(|s| s.proposals = vec![ProposalSource::Noise; 2]).contains("`noise` twice"));
        assert!(refused(|s| s.choice = ChoiceKind::Typical).contains("--optimizer none"));
        assert!(refused(|s| s.optimizer = "cmm".into()).contains("`cem`"));
        assert!(refused(|s| (s.optimizer, s.budget) = ("cem".into(), Budget::Auto(0.2))).contains("--budget auto"));
        let idle = refused(|s| (s.proposals, s.proximal_cost) = (vec![ProposalSource::Noise], 1.0));
        assert!(idle.contains("--proximal-cost: expected imle among --proposals") && idle.ends_with("noise"), "{idle}");
        let ilqg = refused(|s| {
            (s.optimizer, s.parameterization) = ("ilqg".into(), Some(ParameterizationKind::Cubic));
        });
        assert_eq!(ilqg, "--parameterization: expected chunk beside --optimizer ilqg, found cubic");
    }
}
