//! The `planner` program: propose with a generator, judge with MuJoCo, improve with RL.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

mod command_line;
mod commands;
#[cfg(test)]
mod reference;

use imle_cli::{child::model_check, interrupt, output};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = model_check::answer() {
        return code;
    }
    let arguments = match command_line::parse() {
        Ok(arguments) => arguments,
        Err(error) => return command_line::report_usage(&error),
    };
    interrupt::install();
    match arguments.command.run().and_then(|()| output::complete()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.line());
            failure.code()
        }
    }
}
