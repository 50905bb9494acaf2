//! Watches a task's expert without building the rest: success, modes, lengths, replays, and pictures of one episode.
//!
//! `cargo run --release -p imle-envs --example expert -- stack --episodes 500 --strip /tmp/stack.png`

use clap::Parser;
use imle_configs::episode::Episode;
use imle_configs::seed::{Purpose, fill_normal, stream};
use imle_envs::experts::demonstrate::{demonstrate, replay};
use imle_envs::render::Renderer;
use imle_envs::task::Task;
use imle_envs::task::mismatch::Mismatch;
use imle_envs::world::World;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Watches a task's expert.
#[derive(Parser)]
struct Args {
    /// Task's name or TOML file
    task: String,
    /// Episodes
    #[arg(long, default_value_t = 100)]
    episodes: u64,
    /// Seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Mode to show
    #[arg(long)]
    mode: Option<String>,
    /// How the world differs from the planner's model
    #[arg(long)]
    mismatch: Option<String>,
    /// Deviation of Gaussian noise on each action, as a share of half its range: how exact a generator must be
    #[arg(long, default_value_t = 0.0)]
    shake: f64,
    /// PNG file for twelve pictures of the episode of --watch
    #[arg(long)]
    strip: Option<PathBuf>,
    /// Index of the episode of --strip
    #[arg(long, default_value_t = 0)]
    watch: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let mut task = Task::load(&args.task)?;
    if let Some(name) = &args.mismatch {
        task = task.with_mismatch(Mismatch::find(name)?)?;
    }
    let task = Arc::new(task);
    let expert = task.expert().ok_or("a task with an expert")?;
    let mode = args.mode.as_deref().map(|m| expert.mode(m)).transpose()?;
    let episodes = (0..args.episodes)
        .into_par_iter()
        .map(|i| demonstrate(&task, mode, args.seed, i))
        .collect::<imle_envs::Result<Vec<Episode>>>()?;
    if args.shake > 0.0 {
        let solved = (0..args.episodes)
            .into_par_iter()
            .map(|i| shaken(&task, args.seed, i, args.shake))
            .collect::<imle_envs::Result<Vec<bool>>>()?;
        let count = solved.iter().filter(|s| **s).count();
        println!("with noise of {} on the actions: solved {count} of {}", args.shake, solved.len());
    }
    let solved: Vec<&Episode> = episodes.iter().filter(|e| e.success).collect();
    let mut modes: BTreeMap<&str, usize> = expert.modes().iter().map(|m| (*m, 0)).collect();
    solved.iter().for_each(|e| *modes.entry(&e.mode).or_default() += 1);
    println!("solved {} of {}; modes of the solved {modes:?}", solved.len(), episodes.len());
    let mut lengths: Vec<usize> = solved.iter().map(|e| e.len).collect();
    lengths.sort_unstable();
    let at = |q: usize| lengths.get(lengths.len().saturating_sub(1) * q / 100);
    println!("control steps of the solved: least {:?}, median {:?}, most {:?}", at(0), at(50), at(100));
    let failed: Vec<u64> = episodes.iter().filter(|e| !e.success).map(|e| e.index).collect();
    println!("failed: {failed:?}");
    for index in failed.iter().take(5) {
        let world = replay(&task, &episodes[*index as usize])?;
        let named: Vec<String> =
            task.quantities().names().iter().zip(world.values()).map(|(n, v)| format!("{n} {v:.4}")).collect();
        println!("  {index}: rung {:?}; {}", task.cost().rung(world.values()), named.join(", "));
    }
    if let Some(path) = &args.strip {
        let episode = demonstrate(&task, mode, args.seed, args.watch)?;
        let mut world = World::new(task.clone())?;
        world.reset(args.seed, Purpose::Demonstration, args.watch)?;
        let mut renderer = Renderer::new(&world)?;
        let mut pictures = vec![renderer.draw(&mut world)?];
        for (t, action) in episode.actions.chunks_exact(task.spec().action.size()).enumerate() {
            world.step(action);
            if (t + 1) * 11 / episode.len != t * 11 / episode.len {
                pictures.push(renderer.draw(&mut world)?);
            }
        }
        imle_envs::render::strip::write(path, renderer.size(), &pictures)?;
        println!("episode {}: solved {}, mode `{}`, {} steps", args.watch, episode.success, episode.mode, episode.len);
    }
    Ok(())
}

/// Whether the expert solves an episode in which its actions are shaken.
fn shaken(task: &Arc<Task>, seed: u64, index: u64, shake: f64) -> imle_envs::Result<bool> {
    let mut world = World::new(task.clone())?;
    world.reset(seed, Purpose::Demonstration, index)?;
    let Some(expert) = task.expert() else { return Ok(false) };
    let mut actor = expert.start(&world, None, stream(seed, Purpose::Expert, index, 0, 0));
    let mut rng = stream(seed, Purpose::Bench, index, 0, 0);
    let (low, high) = task.action_bounds().range();
    let (mut action, mut noise) = (vec![0.0; low.len()], vec![0.0; low.len()]);
    while !world.done() {
        actor.act(&world, &mut action);
        fill_normal(&mut rng, &mut noise);
        for (d, a) in action.iter_mut().enumerate() {
            *a = (*a + 0.5 * shake as f32 * (high[d] - low[d]) * noise[d]).clamp(low[d], high[d]);
        }
        world.step(&action);
    }
    Ok(world.success())
}
