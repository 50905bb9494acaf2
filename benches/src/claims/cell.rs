//! The cells of the sweep, in the order in which partial results are of most use.

use super::args::{ClaimPart, ClaimsArgs, Protocol};
use super::contender;
use imle_cli::failure::Result;
use imle_cli::sweep::Record;
use imle_configs::Error as InputError;
use serde::{Deserialize, Serialize};

/// Share of the demonstrations that a poor demonstrator makes, and the settings that are to bear it.
pub const POOR: f64 = 0.3;
const QUALITIES: [f64; 3] = [0.0, 1.0, 3.0];

/// RS-IMLE's knobs, each beside the defaults: learning rate, number of latents, rejection distance and its schedule, a
/// distance of each state's own, shared latents, size of a latent, what is left beside the linear prediction.
/// docs/experiments/claims/README.md says what each is for.
const ABLATIONS: &str = include_str!("ablations.txt");

/// The networks by name, and the settings that make them.
pub const NETWORKS: [(&str, &str); 3] = [
    ("mlp", "network.kind=mlp"),
    ("transformer", "network.kind=transformer"),
    ("unet", "network.kind=unet network.down_dims=[64,128,256]"),
];

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimCell {
    pub task: String,
    #[serde(flatten)]
    pub what: What,
    #[serde(flatten)]
    pub frame: Frame,
}

impl Record for ClaimCell {}

/// Kind of a measurement. `seed` is that of the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum What {
    Data {
        protocol: Protocol,
        method: String,
        demonstrations: u32,
        seed: u64,
    },
    /// The settings of [`Protocol::Best`].
    Tuning {
        method: String,
        learning_rates: Vec<f64>,
        validation_episodes: u32,
    },
    Latency {
        network: String,
        device: String,
        candidates: u32,
    },
    Modes {
        method: String,
        seed: u64,
    },
    Choices {
        choice: String,
        candidates: u32,
        seed: u64,
    },
    /// `set` is empty for the defaults.
    Ablations {
        set: String,
        candidates: u32,
        planned_episodes: u32,
        seed: u64,
    },
    /// `quality` is the setting of that name; `poor` the share of poor demonstrations, 0 beside it.
    Quality {
        quality: f64,
        poor: f64,
        seed: u64,
    },
    Networks {
        network: String,
        method: String,
        candidates: u32,
        seed: u64,
    },
    Distillation {
        seed: u64,
    },
}

/// Frame that the cells of one sweep share: results in other frames are not compared with each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Demonstrations to learn from in all.
    pub demos: u32,
    /// Steps of a training.
    pub steps: u64,
    /// Held-out episodes a cell, 0 where the task cannot be run.
    pub episodes: u32,
    /// Seed of the held-out episodes.
    pub evaluation_seed: u64,
    /// Fingerprint of the settings that all trainings share.
    pub settings: String,
    /// Fingerprint of the demonstrations, those held out included.
    pub data: String,
}

impl What {
    /// Smaller is measured earlier: all of one seed before the next, and of it first what fills a table.
    fn rank(&self, demos: u32) -> (u64, u8) {
        match self {
            Self::Data { protocol: Protocol::EqualSteps, method, demonstrations, seed } => {
                let wave = match (*demonstrations == demos, method == "imle") {
                    (true, _) => 0,
                    (false, true) => 4,
                    (false, false) => 7,
                };
                (*seed, wave)
            }
            Self::Latency { .. } => (0, 1),
            Self::Modes { seed, .. } => (*seed, 2),
            Self::Choices { seed, .. } => (*seed, 3),
            Self::Tuning { .. } => (0, 5),
            Self::Data { demonstrations, seed, .. } => (*seed, if *demonstrations == demos { 6 } else { 11 }),
            Self::Ablations { seed, .. } => (*seed, 8),
            Self::Distillation { seed } => (*seed, 9),
            Self::Quality { seed, .. } => (*seed, 10),
            // The U-Net takes hours.
            Self::Networks { .. } => (u64::MAX, 0),
        }
    }

    /// Whether it cannot be measured without running the task.
    fn needs_episodes(&self) -> bool {
        match self {
            Self::Data { protocol, .. } => *protocol == Protocol::Best,
            Self::Tuning { .. } | Self::Choices { .. } => true,
            _ => false,
        }
    }
}

/// The tasks of a part.
pub fn tasks_of(args: &ClaimsArgs, part: ClaimPart) -> Vec<String> {
    let known: &[&str] = match part {
        ClaimPart::Data => &["push_t", "avoid", "stack"],
        ClaimPart::Modes | ClaimPart::Choices => &["avoid", "push_t", "block_push"],
        ClaimPart::Latency => &["push_t"],
        ClaimPart::Ablations | ClaimPart::Quality | ClaimPart::Networks | ClaimPart::Distillation => {
            &["push_t", "avoid"]
        }
    };
    args.tasks.clone().unwrap_or_else(|| known.iter().map(ToString::to_string).collect())
}

/// The numbers of demonstrations, rising, all of them last.
///
/// # Errors
/// A bad input, if one is larger than there are.
pub fn sizes(args: &ClaimsArgs, demos: u32) -> Result<Vec<u32>> {
    let share = |percent: u32| (demos * percent).div_ceil(100);
    let mut sizes = args.sizes.clone().unwrap_or_else(|| [10, 20, 40, 70].map(share).to_vec());
    if let Some(many) = sizes.iter().find(|n| **n > demos) {
        return Err(InputError::unexpected("--sizes", format!("at most the {demos} demonstrations"), many).into());
    }
    sizes.push(demos);
    sizes.sort_unstable();
    sizes.dedup();
    Ok(sizes)
}

/// The settings of the network called `name`, as words of `--set`.
///
/// # Errors
/// A bad input with the nearest names.
pub fn network_words(name: &str) -> Result<Vec<String>> {
    let found = NETWORKS.iter().find(|(known, _)| *known == name);
    let (_, words) = found.ok_or_else(|| InputError::unknown("network", name, NETWORKS.map(|(known, _)| known)))?;
    Ok(words.split_whitespace().map(str::to_string).collect())
}

/// The cells of one task that `parts` ask for, unordered.
pub fn of_task(
    args: &ClaimsArgs,
    task: &str,
    parts: &[ClaimPart],
    frame: &Frame,
    devices: &[&str],
) -> Result<Vec<ClaimCell>> {
    let (sizes, candidates) = (sizes(args, frame.demos)?, args.candidates);
    let mut all = Vec::new();
    for part in parts {
        match part {
            ClaimPart::Data => all.extend(of_data(args, frame, &sizes)?),
            ClaimPart::Latency => {
                for (network, device) in args.networks.iter().flat_map(|n| devices.iter().map(move |d| (n, *d))) {
                    let cell = |n| What::Latency { network: network.clone(), device: device.into(), candidates: n };
                    all.extend([1, candidates].map(cell));
                }
            }
            // As a check, with one seed.
            ClaimPart::Networks => {
                for network in &args.networks {
                    let methods = args.methods.iter().filter(|m| *m != "regression").cloned();
                    let network = || network.clone();
                    all.extend(methods.map(|method| What::Networks {
                        network: network(),
                        method,
                        candidates,
                        seed: 0,
                    }));
                }
            }
            part => all.extend((0..args.seeds).flat_map(|seed| of_seed(args, *part, seed))),
        }
    }
    all.retain(|what| frame.episodes > 0 || !what.needs_episodes());
    Ok(all.into_iter().map(|what| ClaimCell { task: task.into(), what, frame: frame.clone() }).collect())
}

fn of_data(args: &ClaimsArgs, frame: &Frame, sizes: &[u32]) -> Result<Vec<What>> {
    let mut all = Vec::new();
    for (protocol, method) in args.protocols.iter().flat_map(|p| args.methods.iter().map(move |m| (*p, m))) {
        let equal = protocol == Protocol::EqualSteps;
        // What is not a baseline is trained once; regression is a control at full data.
        if !equal && contender::of(method)?.best.is_empty() {
            continue;
        }
        if protocol == Protocol::Best {
            let (learning_rates, validation_episodes) = (args.learning_rates.clone(), args.validation_episodes);
            all.push(What::Tuning { method: method.clone(), learning_rates, validation_episodes });
        }
        let full_only = method == "regression" || !(equal || args.all_sizes);
        for demonstrations in sizes.iter().copied().filter(|n| !full_only || *n == frame.demos) {
            let cell = |seed| What::Data { protocol, method: method.clone(), demonstrations, seed };
            all.extend((0..args.seeds).map(cell));
        }
    }
    Ok(all)
}

/// The cells of one seed in the parts that train with the defaults or one change of them.
fn of_seed(args: &ClaimsArgs, part: ClaimPart, seed: u64) -> Vec<What> {
    let (candidates, planned_episodes) = (args.candidates, args.planned_episodes);
    match part {
        ClaimPart::Modes => args.methods.iter().map(|method| What::Modes { method: method.clone(), seed }).collect(),
        ClaimPart::Choices => {
            imle_policy::choice::NAMES.map(|choice| What::Choices { choice: choice.into(), candidates, seed }).into()
        }
        ClaimPart::Ablations => {
            let listed = ABLATIONS.lines().map(str::to_string).collect();
            let listed = if args.ablation.is_empty() { listed } else { args.ablation.clone() };
            let sets = [String::new()].into_iter().chain(listed);
            sets.map(|set| What::Ablations { set, candidates, planned_episodes, seed }).collect()
        }
        ClaimPart::Quality => {
            let rows = [(0.0, 0.0)].into_iter().chain(QUALITIES.map(|quality| (quality, POOR)));
            rows.map(|(quality, poor)| What::Quality { quality, poor, seed }).collect()
        }
        ClaimPart::Distillation => vec![What::Distillation { seed }],
        ClaimPart::Data | ClaimPart::Latency | ClaimPart::Networks => Vec::new(),
    }
}

/// In the order of measuring: partial results are of use early.
pub fn order(cells: &mut [ClaimCell]) {
    cells.sort_by_key(|cell| cell.what.rank(cell.frame.demos));
}
