//! Fuzz targets: every parser that reads foreign bytes, by name.
//!
//! ```text
//! make fuzz MINUTES=20                       all targets, each for so long
//! make fuzz MINUTES=20 TARGETS="hdf5 csv"    some of them
//! planner-fuzz seeds FOLDER                  writes the seeds that programs make: datasets, checkpoints, logs
//! planner-fuzz TARGET <FILE                  runs one input
//! ```
//!
//! A target whose format is a folder takes the index of a file in its first byte, and the content of that file after
//! it; the other files are good ones.

mod folders;
// The program has no library for it: the file needs nothing but the settings' errors.
#[allow(dead_code, reason = "what the fields mean is the server's business")]
#[path = "../../../src/commands/serve/request.rs"]
mod request;
mod targets;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["seeds", folder] => {
            targets::write_seeds(Path::new(folder));
            ExitCode::SUCCESS
        }
        [name] => match targets::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, target)) => {
                run(*target);
                ExitCode::SUCCESS
            }
            None => usage(),
        },
        _ => usage(),
    }
}

#[cfg(feature = "afl")]
fn run(target: targets::Target) {
    afl::fuzz!(|bytes: &[u8]| target(bytes));
}

#[cfg(not(feature = "afl"))]
fn run(target: targets::Target) {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).unwrap();
    target(&bytes);
}

fn usage() -> ExitCode {
    let names: Vec<&str> = targets::ALL.iter().map(|(name, _)| *name).collect();
    eprintln!("planner-fuzz TARGET, or planner-fuzz seeds FOLDER; targets: {}", names.join(", "));
    ExitCode::from(2)
}
