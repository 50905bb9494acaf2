//! The `planner` program: propose with a generator, judge with MuJoCo, improve with RL.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;
mod controller;
mod failure;
mod held_out;
mod interrupt;
mod load;
mod output;
mod place;
mod shortcuts;
mod statistics;
mod sweep;
mod training;
mod verbs;
mod view;
mod watch;

use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match cli::parse() {
        Ok(arguments) => arguments,
        Err(error) => return cli::report_usage(&error),
    };
    interrupt::install();
    match verbs::run(arguments.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.line());
            match failure {
                Failure::Input(_) => ExitCode::from(2),
                Failure::Run(_) => ExitCode::from(1),
            }
        }
    }
}
