//! Flags that choose the controller: planner, proposals, and how the generator is sampled.

use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Flags that choose the controller.
#[derive(Clone, Debug, Args, Serialize)]
pub struct ControllerArgs {
    /// Planner: predictive-sampling (the best proposal); mppi, cem, cma-es, dial, mode-preserving (which search on from
    /// the proposals); ilqg (which goes down the slope from the best of them); none for the generator alone
    #[arg(long, visible_alias = "planner", default_value = "predictive-sampling", help_heading = "Controller")]
    #[serde(rename = "planner")]
    pub optimizer: String,
    /// Sources of candidates, comma-separated: imle (the generator), warm (the last plan shifted), noise (Gaussian
    /// around it), retrieval (what the nearest of --demonstrations did), imle+noise, retrieval+noise
    #[arg(long, value_delimiter = ',', default_value = "imle,warm", help_heading = "Controller")]
    pub proposals: Vec<String>,
    /// Dataset that retrieval looks in
    #[arg(long, value_name = "DATASET", help_heading = "Controller")]
    pub demonstrations: Option<PathBuf>,
    /// Candidates a decision, those of all waves of a search together
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65536), help_heading = "Controller")]
    pub candidates: u32,
    /// How many of the candidates are rolled out: all, or auto or auto:P, as many as it takes until as many again would improve the
    /// plan with a probability below P (0.2 if not told); of --optimizer predictive-sampling
    #[arg(long, default_value = "all", help_heading = "Controller")]
    pub budget: String,
    /// Cheaper rollouts, comma-separated: abort (those that are certain not to be the best end early; the same plan), halving
    /// (the worse half ends at a quarter and at a half of the horizon), coarse (twice the planner's timestep), stages (an even
    /// share of all proposals first, as a deadline wants it: --realtime sets it); all but coarse of --planner
    /// predictive-sampling
    #[arg(long, value_delimiter = ',', value_name = "NAMES", help_heading = "Controller")]
    pub shortcuts: Vec<String>,
    /// Control steps executed of each plan [default: the task's `execute`, or the T_act of the generator]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Controller")]
    pub execute: Option<u32>,
    /// Control steps that plans look ahead without a generator, which otherwise says it [default: 16]
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1024), help_heading = "Controller")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u32>,
    /// Passes of the generator a chunk: denoising steps of diffusion, Euler steps of flow [default: the checkpoint's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Controller")]
    pub passes: Option<u32>,
    /// How a diffusion checkpoint is sampled: ddim or ddpm [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub solver: Option<String>,
    /// How the latents of a decision's candidates are drawn: independent, antithetic (in pairs of opposite sign),
    /// low-discrepancy (a scrambled Sobol sequence) [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub latents: Option<String>,
    /// What the generator computes in: f32 or bf16 [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub precision: Option<String>,
    /// Multiplies the generator's latents: below 1 candidates keep nearer to what is typical [default: the
    /// checkpoint's, 1]
    #[arg(long, help_heading = "Controller")]
    pub temperature: Option<f64>,
    /// Deviation of the noise proposals and of a search's first draws, as a share of half the range of each action
    /// dimension (of a latent's deviation in --space latent)
    #[arg(long, default_value_t = 0.1, help_heading = "Controller")]
    pub noise: f64,
    /// What a search searches in: chunk (all actions), zero, linear, cubic (splines of --knots, added to the best
    /// proposal), latent (the generator's) [default: linear; chunk for ilqg, which knows no other]
    #[arg(long, visible_alias = "space", help_heading = "Controller")]
    #[serde(rename = "space")]
    pub parameterization: Option<String>,
    /// Knots of splines, those of the noise proposals too
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = "Controller")]
    pub knots: u32,
    /// Waves of rollouts a decision, the first being the proposals' [default: the planner's own: mppi 1, cem 3, cma-es and
    /// dial 4, and one rollout of the mean; mode-preserving 4; ilqg 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = "Controller")]
    pub waves: Option<u32>,
    /// Inverse sharpness of the weights of mppi and dial, in deviations of the candidates' costs
    #[arg(long, default_value_t = 0.1, help_heading = "Controller")]
    pub lambda: f64,
    /// Share of a wave that cem takes for its elite
    #[arg(long, default_value_t = 0.25, help_heading = "Controller")]
    pub elite: f64,
    /// Share of its cost by which another mode must be cheaper for mode-preserving to leave the one under way
    #[arg(long, default_value_t = 0.05, help_heading = "Controller")]
    pub margin: f64,
    /// What a candidate's distance from the generator's own of the same decision costs (half the range of every action
    /// counts 1): more keeps a search nearer to what was demonstrated
    #[arg(long, visible_alias = "stay", default_value_t = 0.0, help_heading = "Controller")]
    #[serde(rename = "stay")]
    pub proximal_cost: f64,
    /// How much dearer than the best a plan may be, in units of the task's cost: a typical candidate of those that are as good
    /// is taken, so that the generator's own go before what a search makes a little quicker
    #[arg(long, visible_alias = "slack", default_value_t = 0.0, help_heading = "Controller")]
    #[serde(rename = "slack")]
    pub near_optimal: f64,
    /// Chunks in a row that candidates are looked ahead of: from where the --beam cheapest end the generator goes on, in
    /// --branches ways each, and so on; 1 for no lookahead
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64), help_heading = "Controller")]
    pub depth: u32,
    /// Chains that a lookahead keeps
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096), help_heading = "Controller")]
    pub beam: u32,
    /// Ways in which each of them goes on
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096), help_heading = "Controller")]
    pub branches: u32,
    /// Models in all of which candidates are tried, comma-separated: none (the planner's own) and mismatches by name, as in
    /// --mismatch
    #[arg(long, value_delimiter = ',', default_value = "none", help_heading = "Controller")]
    pub models: Vec<String>,
    /// What the costs in several models count as: mean, worst, or cvar:SHARE (the mean of the dearest share)
    #[arg(long, default_value = "mean", help_heading = "Controller")]
    pub risk: String,
    /// With --optimizer none: how the chunk is chosen: first (one is drawn), consistent (of --candidates the nearest to
    /// the last plan, as in the IMLE Policy paper), typical (of those that go on with the last plan the one in the
    /// densest part)
    #[arg(long, default_value = "first", help_heading = "Controller")]
    pub choice: String,
    /// With --choice consistent: choose at random every so many decisions, 0 for never
    #[arg(long, default_value_t = 10, help_heading = "Controller")]
    pub resample_every: u64,
}

impl Default for ControllerArgs {
    /// What the flags default to.
    fn default() -> Self {
        Self {
            optimizer: "predictive-sampling".into(),
            proposals: vec!["imle".into(), "warm".into()],
            demonstrations: None,
            candidates: 32,
            budget: "all".into(),
            shortcuts: Vec::new(),
            execute: None,
            horizon: None,
            passes: None,
            solver: None,
            latents: None,
            precision: None,
            temperature: None,
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
            models: vec!["none".into()],
            risk: "mean".into(),
            choice: "first".into(),
            resample_every: 10,
        }
    }
}

impl ControllerArgs {
    /// The flags `--optimizer --choice --candidates`, the others at their defaults.
    pub fn of(optimizer: &str, choice: &str, candidates: u32) -> Self {
        Self { optimizer: optimizer.into(), choice: choice.into(), candidates, ..Self::default() }
    }
}
