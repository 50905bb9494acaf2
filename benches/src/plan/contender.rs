//! A contender's flags, and the folder of its generator.

use super::args::PlanArgs;
use clap::Parser;
use imle_cli::args::controller::ControllerArgs;
use imle_cli::controller::from_flags;
use imle_cli::failure::Result;
use imle_configs::Error as InputError;
use std::path::PathBuf;

/// A controller's flags by themselves.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Flags {
    #[command(flatten)]
    controller: ControllerArgs,
}

/// The flags in `words`.
///
/// # Errors
/// A bad input that says which flag is wrong.
pub fn flags(words: &str) -> Result<ControllerArgs> {
    let parsed = Flags::try_parse_from(words.split_whitespace());
    let flags = parsed.map_err(|e| {
        let line = e.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
        InputError::unexpected("--contender", "flags of the controller, as in planner run", line)
    })?;
    from_flags::check(&flags.controller)?;
    Ok(flags.controller)
}

/// The folder of the generator of `method` on `task`, if it is there.
pub fn generator(args: &PlanArgs, method: &str, task: &str) -> Option<PathBuf> {
    args.generators.as_ref().map(|f| f.join(method).join(task)).filter(|f| f.exists())
}
