//! Cheaper rollouts, as `--shortcuts` and `--budget` name them.

use crate::args::controller::ControllerArgs;
use crate::failure::{Failure, Result};
use imle_configs::Error as InputError;
use imle_envs::task::Task;
use imle_planner::simulator::staged;

/// Names of the shortcuts.
pub const NAMES: [&str; 4] = ["abort", "halving", "coarse", "stages"];
/// Probability of an improvement below which `--budget auto` is content.
pub const ENOUGH: f64 = 0.2;

/// Whether a shortcut is wanted.
pub fn has(args: &ControllerArgs, name: &str) -> bool {
    args.shortcuts.iter().any(|s| s == name)
}

/// Whether rollouts can come in stages.
pub fn may_have_stages(args: &ControllerArgs) -> bool {
    args.optimizer == "predictive-sampling" && !has(args, "halving") && !has(args, "stages")
}

/// Work between the stages of rollouts; nothing if there are no stages.
///
/// # Errors
/// A bad input that names the flag.
pub fn stages(args: &ControllerArgs) -> Result<Option<staged::Settings>> {
    let enough = match args.budget.split_once(':') {
        None if args.budget == "all" => None,
        None if args.budget == "auto" => Some(ENOUGH),
        Some(("auto", p)) => Some(p.parse().ok().filter(|p| *p > 0.0 && *p < 1.0).ok_or_else(|| {
            InputError::unexpected("--budget", "auto:P with a probability P above 0 and below 1", &args.budget)
        })?),
        _ => return Err(InputError::unexpected("--budget", "all, auto or auto:P", &args.budget).into()),
    };
    let abort = has(args, "abort");
    Ok((abort || enough.is_some() || has(args, "stages")).then_some(staged::Settings { abort, enough }))
}

/// The task with a planner's model of twice the timestep.
///
/// # Errors
/// A bad input, if a control step is not a whole number of them.
pub fn coarse(task: &Task) -> Result<Task> {
    let own = task.planning_model().opt().timestep;
    let failed = |e: imle_envs::Error| match e {
        imle_envs::Error::Input(_) => Failure::Input(format!(
            "--shortcuts coarse: a control step of {} s is no whole number of steps of 2 · {own} s",
            1.0 / task.spec().control_rate
        )),
        other => other.into(),
    };
    task.clone().with_planning_timestep_times(2.0).map_err(failed)
}

/// Checks that the flags go together.
///
/// # Errors
/// A bad input that names the flag.
pub fn check(args: &ControllerArgs) -> Result<()> {
    for name in &args.shortcuts {
        if !NAMES.contains(&name.as_str()) {
            return Err(InputError::unknown("shortcut", name, NAMES).into());
        }
    }
    let refuse = |flag: &str, expected: &str, found: String| -> Result<()> {
        Err(InputError::unexpected(flag, expected, found).into())
    };
    let staged = stages(args)?;
    let (abort, halving) = (has(args, "abort"), has(args, "halving"));
    if (staged.is_some() || halving) && args.optimizer != "predictive-sampling" {
        let flag = if staged.is_some_and(|s| s.enough.is_some()) { "--budget auto" } else { "--shortcuts" };
        return refuse(flag, "--optimizer predictive-sampling beside it", format!("--optimizer {}", args.optimizer));
    }
    if has(args, "coarse") && args.models.len() > 1 {
        return refuse("--shortcuts", "one model beside coarse", "several".into());
    }
    if (abort || halving) && (args.depth > 1 || args.models.len() > 1) {
        return refuse("--shortcuts", "one model and --depth 1 beside abort and halving", "others".into());
    }
    if halving && staged.is_some() {
        return refuse("--shortcuts", "halving without abort and --budget auto", "both".into());
    }
    if abort && args.proximal_cost > 0.0 {
        return refuse(
            "--shortcuts",
            "abort without --proximal-cost, which rollouts do not know of",
            format!("--proximal-cost {}", args.proximal_cost),
        );
    }
    Ok(())
}
