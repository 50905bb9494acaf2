//! Speed and memory of reading a large dataset: made-up episodes of 300 steps, 20 values seen and 7 done.
//!
//! ```text
//! cargo run --release -p imle-data --example large -- write 1000 /tmp/large
//! cargo run --release -p imle-data --example large -- read /tmp/large
//! ```
//!
//! `read` goes through it one episode after the other, as `planner data info` does; throughput counts the numbers (4
//! bytes each), peak memory is the process's own.

use imle_configs::spec::{Layout, Term};
use imle_data::{Episode, Spec, Stream, write};
use std::path::Path;
use std::time::Instant;

const STEPS: usize = 300;
const SEEN: usize = 20;
const DONE: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", episodes, path] => make(episodes.parse()?, Path::new(path)),
        ["read", path] => read(Path::new(path)),
        _ => Err("expected `write EPISODES PATH` or `read PATH`".into()),
    }
}

fn make(episodes: u64, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let layout = |name: &str, size| Layout { terms: vec![Term { name: name.into(), size }] };
    let spec = Spec {
        task: "large".into(),
        control_rate: 20.0,
        observation: layout("seen", SEEN),
        action: layout("done", DONE),
        pictures: None,
    };
    // Smooth in time and different in every value, as measurements are; nothing that compresses to nothing.
    let value = |e: u64, t: usize, i: usize| (e as f32 * 0.7 + i as f32 + t as f32 * 0.013 * (1 + i) as f32).sin();
    let values = |e: u64, n: usize| (0..STEPS).flat_map(|t| (0..n).map(move |i| value(e, t, i))).collect::<Vec<_>>();
    let all: Vec<Episode> = (0..episodes)
        .map(|e| Episode {
            observations: values(e, SEEN),
            actions: values(e, DONE),
            index: e,
            len: STEPS,
            ..Episode::default()
        })
        .collect();
    let begun = Instant::now();
    write(path, &spec, &all)?;
    println!("{episodes} episodes of {STEPS} steps written in {:.2} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn read(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let (mut episodes, mut numbers) = (0, 0);
    for episode in Stream::open(path)? {
        let episode = episode?;
        episodes += 1;
        numbers += episode.observations.len() + episode.actions.len();
    }
    let (seconds, megabytes) = (begun.elapsed().as_secs_f64(), 4.0 * numbers as f64 / 1e6);
    let status = imle_configs::files::read_text("/proc/self/status".as_ref()).unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("unknown").trim();
    println!(
        "{episodes} episodes, {megabytes:.1} MB of numbers in {seconds:.3} s: {:.0} MB/s; peak memory {peak}",
        megabytes / seconds
    );
    Ok(())
}
