//! Parts of `planner bench plan`, each a list of contenders and the tasks they meet on.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A contender: its name, the method whose generator proposes, and the controller's flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanContender<'a> {
    pub name: &'a str,
    /// Method of the generator, as its folder is called; `imle` is the shipped one where no folder is given.
    pub method: &'a str,
    pub flags: &'a str,
}

/// Question to a contender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Success.
    #[default]
    Success,
    /// Success with as many candidates as take as long as a decision of the generator of IMLE under the flags `with`.
    EqualTime { with: Cow<'static, str> },
    /// Calibration of the predicted quality of its plans.
    Calibration,
}

impl Question {
    pub fn is_success(&self) -> bool {
        *self == Self::Success
    }
}

/// A question, and what answers it.
#[derive(Clone, Debug)]
pub struct PlanPart {
    pub name: &'static str,
    pub tasks: &'static [&'static str],
    pub kind: Question,
    /// The others are compared with the first.
    pub contenders: &'static [PlanContender<'static>],
}

impl PlanPart {
    /// Question to one of its contenders; the one that the others may take as long as has its own flags.
    pub fn kind_of(&self, contender: &PlanContender<'_>) -> Question {
        match &self.kind {
            Question::EqualTime { with } if with == contender.flags => Question::Success,
            kind => kind.clone(),
        }
    }
}

const fn contender(name: &'static str, method: &'static str, flags: &'static str) -> PlanContender<'static> {
    PlanContender { name, method, flags }
}

/// Tasks of the control experiment.
const FIVE: &[&str] = &["stack", "push_t", "pick_place", "square", "avoid"];
const IMLE_16: &str = "--proposals imle,warm --candidates 16";
const ALL: &[&str] =
    &["push_t", "avoid", "block_push", "cartpole", "cylinder_push", "lift", "pick_place", "square", "stack", "kitchen"];

/// Every planner with `$n` rollouts; those that draw do so with deviation `$noise`, in latents `$latent`.
macro_rules! planners {
    ($n:literal, $noise:literal, $latent:literal) => {
        planners!(@list $n, concat!(" --noise ", $noise, " --candidates ", $n), concat!(" --noise ", $latent, " --candidates ", $n))
    };
    (@list $n:literal, $drawn:expr, $latent:expr) => {
        &[
            contender(concat!("predictive-sampling, ", $n), "imle", concat!("--candidates ", $n)),
            contender(concat!("cma-es, ", $n), "imle", concat!("--planner cma-es", $drawn)),
            contender(concat!("cma-es, chunk, ", $n), "imle", concat!("--planner cma-es --space chunk", $drawn)),
            contender(concat!("cma-es, latent, ", $n), "imle", concat!("--planner cma-es --space latent", $latent)),
            contender(concat!("mode-preserving, ", $n), "imle", concat!("--planner mode-preserving", $drawn)),
            contender(concat!("dial, ", $n), "imle", concat!("--planner dial", $drawn)),
            contender(concat!("cem, ", $n), "imle", concat!("--planner cem", $drawn)),
            contender(concat!("mppi, ", $n), "imle", concat!("--planner mppi --candidates ", $n)),
            contender(concat!("ilqg, ", $n), "imle", concat!("--planner ilqg --candidates ", $n)),
        ]
    };
}

/// All parts, as docs/experiments/planners.md lists them. Controls that add noise come at three deviations each, and
/// the best counts: what they are tuned on is what they are measured on, which is in their favour. Planners come with
/// the default deviation at N = 32 (0.5 in latents), and with the cheapest of three at 16 and 256
/// (docs/experiments/planners.md).
pub const PARTS: [PlanPart; 10] = [
    PlanPart {
        name: "sources",
        tasks: FIVE,
        kind: Question::Success,
        contenders: &[
            contender("imle, 16", "imle", IMLE_16),
            contender("imle + noise 0.03, 16", "imle", "--proposals imle+noise,warm --noise 0.03 --candidates 16"),
            contender("imle + noise 0.1, 16", "imle", "--proposals imle+noise,warm --noise 0.1 --candidates 16"),
            contender("noise 0.03, 16", "imle", "--proposals noise,warm --noise 0.03 --candidates 16"),
            contender("noise 0.1, 16", "imle", "--proposals noise,warm --noise 0.1 --candidates 16"),
            contender("noise 0.3, 16", "imle", "--proposals noise,warm --noise 0.3 --candidates 16"),
            contender(
                "retrieval + noise 0.01, 16",
                "imle",
                "--proposals retrieval+noise,warm --noise 0.01 --candidates 16",
            ),
            contender(
                "retrieval + noise 0.03, 16",
                "imle",
                "--proposals retrieval+noise,warm --noise 0.03 --candidates 16",
            ),
            contender(
                "retrieval + noise 0.1, 16",
                "imle",
                "--proposals retrieval+noise,warm --noise 0.1 --candidates 16",
            ),
            contender(
                "regression + noise 0.01, 16",
                "regression",
                "--proposals imle+noise,warm --noise 0.01 --candidates 16",
            ),
            contender(
                "regression + noise 0.03, 16",
                "regression",
                "--proposals imle+noise,warm --noise 0.03 --candidates 16",
            ),
            contender(
                "regression + noise 0.1, 16",
                "regression",
                "--proposals imle+noise,warm --noise 0.1 --candidates 16",
            ),
            contender("DDIM-10, 16", "diffusion", "--proposals imle,warm --solver ddim --passes 10 --candidates 16"),
            contender("flow-1, 16", "flow", "--proposals imle,warm --passes 1 --candidates 16"),
            contender("noise 0.03, 256", "imle", "--proposals noise,warm --noise 0.03 --candidates 256"),
            contender("noise 0.1, 256", "imle", "--proposals noise,warm --noise 0.1 --candidates 256"),
            contender("noise 0.3, 256", "imle", "--proposals noise,warm --noise 0.3 --candidates 256"),
        ],
    },
    PlanPart {
        name: "equal-time",
        tasks: FIVE,
        kind: Question::EqualTime { with: Cow::Borrowed(IMLE_16) },
        contenders: &[
            contender("imle, 16", "imle", IMLE_16),
            contender("noise 0.03", "imle", "--proposals noise,warm --noise 0.03"),
            contender("noise 0.1", "imle", "--proposals noise,warm --noise 0.1"),
            contender("noise 0.3", "imle", "--proposals noise,warm --noise 0.3"),
            contender("retrieval + noise 0.01", "imle", "--proposals retrieval+noise,warm --noise 0.01"),
            contender("retrieval + noise 0.03", "imle", "--proposals retrieval+noise,warm --noise 0.03"),
            contender("retrieval + noise 0.1", "imle", "--proposals retrieval+noise,warm --noise 0.1"),
            contender("regression + noise 0.01", "regression", "--proposals imle+noise,warm --noise 0.01"),
            contender("regression + noise 0.03", "regression", "--proposals imle+noise,warm --noise 0.03"),
            contender("regression + noise 0.1", "regression", "--proposals imle+noise,warm --noise 0.1"),
            contender("DDIM-10", "diffusion", "--proposals imle,warm --solver ddim --passes 10"),
            contender("flow-1", "flow", "--proposals imle,warm --passes 1"),
        ],
    },
    PlanPart {
        name: "calibration",
        tasks: &["push_t", "avoid", "stack"],
        kind: Question::Calibration,
        contenders: &[
            contender("imle, 32", "imle", ""),
            contender("imle, 128", "imle", "--candidates 128"),
            contender("imle and noise, 32", "imle", "--proposals imle,warm,noise"),
            contender("cma-es, 32", "imle", "--planner cma-es"),
        ],
    },
    PlanPart { name: "planners", tasks: ALL, kind: Question::Success, contenders: planners!("32", "0.1", "0.5") },
    PlanPart { name: "planners-16", tasks: ALL, kind: Question::Success, contenders: planners!("16", "0.3", "1") },
    PlanPart { name: "planners-256", tasks: ALL, kind: Question::Success, contenders: planners!("256", "0.3", "1") },
    PlanPart {
        name: "searched-sources",
        tasks: FIVE,
        kind: Question::Success,
        contenders: &[
            contender("imle, 16", "imle", "--planner cma-es --candidates 16"),
            contender("noise 0.1, 16", "imle", "--planner cma-es --proposals noise,warm --candidates 16"),
            contender("retrieval, 16", "imle", "--planner cma-es --proposals retrieval,warm --candidates 16"),
            contender("regression, 16", "regression", "--planner cma-es --candidates 16"),
            contender("DDIM-10, 16", "diffusion", "--planner cma-es --solver ddim --passes 10 --candidates 16"),
            contender("flow-1, 16", "flow", "--planner cma-es --passes 1 --candidates 16"),
            contender("noise 0.1, 256", "imle", "--planner cma-es --proposals noise,warm --candidates 256"),
        ],
    },
    PlanPart {
        name: "curve",
        tasks: &["stack", "push_t"],
        kind: Question::Success,
        contenders: &[
            contender("predictive-sampling, 4", "imle", "--candidates 4"),
            contender("predictive-sampling, 8", "imle", "--candidates 8"),
            contender("predictive-sampling, 16", "imle", "--candidates 16"),
            contender("predictive-sampling, 32", "imle", "--candidates 32"),
            contender("predictive-sampling, 64", "imle", "--candidates 64"),
            contender("predictive-sampling, 256", "imle", "--candidates 256"),
            contender("cma-es, 8", "imle", "--planner cma-es --candidates 8"),
            contender("cma-es, 16", "imle", "--planner cma-es --candidates 16"),
            contender("cma-es, 32", "imle", "--planner cma-es --candidates 32"),
            contender("cma-es, 64", "imle", "--planner cma-es --candidates 64"),
            contender("cma-es, 256", "imle", "--planner cma-es --candidates 256"),
        ],
    },
    PlanPart {
        // 32 + 2 · 4 · 4 rollouts against 64.
        name: "lookahead",
        tasks: &["kitchen", "block_push", "stack"],
        kind: Question::Success,
        contenders: &[
            contender("depth 1", "imle", "--candidates 64"),
            contender("depth 2", "imle", "--candidates 32 --depth 2 --beam 8 --branches 4"),
            contender("depth 3", "imle", "--candidates 32 --depth 3"),
        ],
    },
    PlanPart {
        name: "modes",
        tasks: &["avoid", "push_t"],
        kind: Question::Success,
        contenders: &[
            contender("alone, first", "imle", "--planner none"),
            contender("alone, consistent", "imle", "--planner none --choice consistent"),
            contender("alone, typical", "imle", "--planner none --choice typical"),
            contender("best of N", "imle", ""),
            contender("cma-es", "imle", "--planner cma-es"),
            contender("mode-preserving", "imle", "--planner mode-preserving"),
            contender("mode-preserving, margin 0.2", "imle", "--planner mode-preserving --margin 0.2"),
            contender("mode-preserving, stay 1", "imle", "--planner mode-preserving --stay 1"),
        ],
    },
];
