//! `planner data`: looking into datasets, bringing in those of others, playing them.

mod convert;
mod info;
mod replay;

use crate::cli::DataVerb;
use crate::failure::Result;

/// Does what `planner data` asks.
pub fn run(verb: &DataVerb) -> Result<()> {
    match verb {
        DataVerb::Info(args) => info::run(args),
        DataVerb::Convert(args) => convert::run(args),
        DataVerb::Replay(args) => replay::run(args),
    }
}
