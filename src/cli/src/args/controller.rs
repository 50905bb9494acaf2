//! Flags that choose the controller: planner, proposals, and how the generator is sampled.

use clap::{Args, Parser};
use serde::Serialize;
use std::path::PathBuf;

/// Flags that choose the controller.
#[derive(Clone, Debug, Args, Serialize)]
pub struct ControllerArgs {
    /// Optimizer of a plan. predictive-sampling takes the best proposal. mppi, cem, cma-es, dial and mode-preserving
    /// search on from the proposals. ilqg follows the gradient from the best of them. none executes the generator alone
    #[arg(long, visible_alias = "planner", default_value = "predictive-sampling", help_heading = "Controller")]
    pub optimizer: String,
    /// Sources of candidates, comma-separated: imle (the generator), warm (the last plan, shifted), noise (Gaussian
    /// noise around it), retrieval (chunks of the nearest states in --demonstrations), imle+noise, retrieval+noise
    #[arg(long, value_delimiter = ',', default_value = "imle,warm", help_heading = "Controller")]
    pub proposals: Vec<String>,
    /// Dataset for retrieval
    #[arg(long, value_name = "DATASET", help_heading = "Controller")]
    pub demonstrations: Option<PathBuf>,
    /// Candidates a decision, over all iterations of a search
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65536), help_heading = "Controller")]
    pub candidates: u32,
    /// Candidates that are rolled out: all, auto, or auto:P. auto stops when as many again would improve the plan with
    /// a probability below P [default P: 0.2]. Needs --optimizer predictive-sampling
    #[arg(long, default_value = "all", help_heading = "Controller")]
    pub budget: String,
    /// Cheaper rollouts, comma-separated. abort ends those that cannot be the best; the plan stays the same. halving
    /// ends the worse half at a quarter and at a half of the horizon. coarse doubles the planner's timestep. stages
    /// rolls out an even share of all proposals first; --realtime sets it. All but coarse need --optimizer
    /// predictive-sampling
    #[arg(long, value_delimiter = ',', value_name = "NAMES", help_heading = "Controller")]
    pub shortcuts: Vec<String>,
    /// Control steps executed of each plan [default: the task's `execute`, or the T_act of the generator]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Controller")]
    pub execute: Option<u32>,
    /// Planning horizon in control steps, for a run without a generator [default: 16]
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1024), help_heading = "Controller")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u32>,
    /// Passes of the generator a chunk: denoising steps of diffusion, Euler steps of flow [default: the checkpoint's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Controller")]
    pub passes: Option<u32>,
    /// Solver of a diffusion checkpoint: ddim or ddpm [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub solver: Option<String>,
    /// Draws of the latents of a decision's candidates: independent, antithetic (pairs of opposite sign),
    /// low-discrepancy (a scrambled Sobol sequence) [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub latents: Option<String>,
    /// Precision of the generator: f32 or bf16 [default: the checkpoint's]
    #[arg(long, help_heading = "Controller")]
    pub precision: Option<String>,
    /// Scale of the generator's latents. Below 1 candidates are more typical [default: the checkpoint's, 1]
    #[arg(long, help_heading = "Controller")]
    pub temperature: Option<f64>,
    /// Standard deviation of the noise proposals and of a search's first draws, as a share of half the range of each
    /// action dimension. With --parameterization latent: of a latent's deviation
    #[arg(long, default_value_t = 0.1, help_heading = "Controller")]
    pub noise: f64,
    /// Variables of a search: chunk (all actions), zero, linear or cubic (splines of --knots, added to the best
    /// proposal), latent (the generator's latents) [default: linear; chunk for ilqg, which has no other]
    #[arg(long, visible_alias = "space", help_heading = "Controller")]
    pub parameterization: Option<String>,
    /// Knots of splines, also of the noise proposals
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = "Controller")]
    pub knots: u32,
    /// Batches of rollouts a decision, the proposals included [default: mppi 1, cem 3, cma-es and dial 4, each and a
    /// rollout of the mean; mode-preserving 4; ilqg 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = "Controller")]
    pub waves: Option<u32>,
    /// Temperature of the weights of mppi and dial, in standard deviations of the candidates' costs
    #[arg(long, default_value_t = 0.1, help_heading = "Controller")]
    pub lambda: f64,
    /// Elite share of cem
    #[arg(long, default_value_t = 0.25, help_heading = "Controller")]
    pub elite: f64,
    /// Relative cost by which another mode must be better before mode-preserving switches to it
    #[arg(long, default_value_t = 0.05, help_heading = "Controller")]
    pub margin: f64,
    /// Weight of a candidate's distance from the nearest proposal of the generator; half the range of every action
    /// counts 1. More keeps a search nearer to the demonstrations
    #[arg(long, visible_alias = "stay", default_value_t = 0.0, help_heading = "Controller")]
    pub proximal_cost: f64,
    /// Cost above the best that still counts as near-optimal, in units of the task's cost. The most typical of the
    /// near-optimal candidates is executed
    #[arg(long, visible_alias = "slack", default_value_t = 0.0, help_heading = "Controller")]
    pub near_optimal: f64,
    /// Chunks in a row that a lookahead rolls out; 1 for none. The generator continues the --beam cheapest, in
    /// --branches ways each
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64), help_heading = "Controller")]
    pub depth: u32,
    /// Chains that a lookahead keeps
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096), help_heading = "Controller")]
    pub beam: u32,
    /// Continuations of each chain
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096), help_heading = "Controller")]
    pub branches: u32,
    /// Models in which every candidate is rolled out, comma-separated: none (the planner's own) and mismatches as in
    /// --mismatch
    #[arg(long, value_delimiter = ',', default_value = "none", help_heading = "Controller")]
    pub models: Vec<String>,
    /// Aggregate of the costs in several models: mean, worst, or cvar:SHARE (mean of the costliest share)
    #[arg(long, default_value = "mean", help_heading = "Controller")]
    pub risk: String,
    /// Choice of the chunk with --optimizer none. first: one sample. consistent: of --candidates the nearest to the
    /// last plan, as in the IMLE Policy paper. typical: of those that continue the last plan, the one in the densest
    /// region
    #[arg(long, default_value = "first", help_heading = "Controller")]
    pub choice: String,
    /// Decisions from one random choice to the next, with --choice consistent; 0 for none
    #[arg(long, default_value_t = 10, help_heading = "Controller")]
    pub resample_every: u64,
}

/// The flags alone.
#[derive(Parser)]
struct Alone {
    #[command(flatten)]
    controller: ControllerArgs,
}

impl Default for ControllerArgs {
    /// The defaults of the flags.
    fn default() -> Self {
        Alone::parse_from([""]).controller
    }
}

impl ControllerArgs {
    /// The flags `--optimizer --choice --candidates`, the others at their defaults.
    pub fn of(optimizer: &str, choice: &str, candidates: u32) -> Self {
        Self { optimizer: optimizer.into(), choice: choice.into(), candidates, ..Self::default() }
    }
}
