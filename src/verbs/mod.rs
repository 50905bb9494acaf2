//! The verbs, one file each.

pub mod bench;
mod completions;
mod data;
pub mod demo;
mod distill;
mod finetune;
mod import;
mod inspect;
mod run;
mod serve;
mod tasks;
mod train;

use crate::cli::Verb;
use crate::failure::Result;

/// Does what the command line asks.
pub fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Tasks(args) => tasks::run(&args),
        Verb::Demo(args) => demo::run(&args),
        Verb::Data(verb) => data::run(&verb),
        Verb::Train(args) => train::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Distill(args) => distill::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Serve(args) => serve::run(&args),
        Verb::Finetune(args) => finetune::run(&args),
        Verb::Bench(verb) => bench::run(&verb),
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Completions { shell } => completions::run(shell),
    }
}
