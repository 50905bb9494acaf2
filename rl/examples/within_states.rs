//! Does the critic of a run of `edit` or `best-of-n` rank chunks within a state?
//!
//! ```text
//! cargo run --release -p imle-rl --example within_states -- RUN TASK CHECKPOINT DATA EPISODES [STATES CANDIDATES ROLLOUTS]
//! ```

use imle_envs::task::Task;
use imle_policy::checkpoint::Checkpoint;
use imle_rl::critic::within_states::RankingEffort;
use imle_rl::online::training_loop;
use imle_rl::registry::{self, FineTuning};
use imle_rl::run::{Run, saved_algorithm};
use std::{path::Path, sync::Arc};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [run, task, checkpoint, data, episodes, rest @ ..] = &words[..] else {
        return Err("RUN TASK CHECKPOINT DATA EPISODES [STATES CANDIDATES ROLLOUTS]".into());
    };
    let number = |i: usize, usual: usize| rest.get(i).map_or(Ok(usual), |word| word.parse());
    let task = Arc::new(Task::load(task)?);
    let checkpoint = Checkpoint::load(Path::new(checkpoint))?;
    let mut shown = imle_data::read(Path::new(data))?.episodes;
    shown.truncate(episodes.parse()?);
    let threads = std::thread::available_parallelism()?.get();
    let run = Run {
        environment: &task,
        checkpoint: &checkpoint,
        demonstrations: &shown,
        pictures: None,
        env_steps: u64::MAX,
        seed: 0,
        out: Path::new(run),
        resume: true,
        device: tch::Device::Cpu,
        threads,
    };
    let (states, candidates, rollouts) = (number(0, 64)?, number(1, 8)?, number(2, 16)?);
    let effort = RankingEffort { states, candidates, rollouts, discount: 0.99 };
    let FineTuning::Online(_, mut algorithm) = registry::by_name(&saved_algorithm(run.out)?)? else {
        return Err("expected a run of an algorithm that learns online".into());
    };
    println!("{:#?}", training_loop::rank_within_states(algorithm.as_mut(), &run, effort, &mut ())?);
    Ok(())
}
