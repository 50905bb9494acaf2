//! Stored demonstrations are exactly what was executed: replayed through the libraries they end where they ended.

use crate::fixtures::demonstrations;
use imle_configs::seed::Purpose;
use imle_envs::demonstrate::replay;
use imle_envs::task::Task;
use imle_envs::world::World;
use std::sync::Arc;

fn state(world: &World) -> Vec<u64> {
    let mut state = vec![0.0; world.state_size()];
    world.get_state(&mut state).unwrap();
    state.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_episode_ends_in_success_in_the_same_state_again() {
    let task = Arc::new(Task::load("stack").unwrap());
    let dataset = imle_data::read(demonstrations()).unwrap();
    assert_eq!(dataset.episodes.len(), 6);
    for episode in &dataset.episodes {
        let (first, second) = (replay(&task, episode).unwrap(), replay(&task, episode).unwrap());
        assert!(first.success() && first.done(), "episode {}", episode.index);
        assert_eq!(first.steps(), episode.len);
        assert_eq!(state(&first), state(&second));
    }
}

#[test]
fn every_observation_is_seen_again_bit_for_bit() {
    let task = Arc::new(Task::load("stack").unwrap());
    let dataset = imle_data::read(demonstrations()).unwrap();
    let (seen, done) = (task.spec().observation.size(), task.spec().action.size());
    let mut observation = vec![0.0_f32; seen];
    for episode in &dataset.episodes {
        let mut world = World::new(task.clone()).unwrap();
        world.reset(episode.seed, Purpose::Demonstration, episode.index).unwrap();
        for (stored, action) in episode.observations.chunks_exact(seen).zip(episode.actions.chunks_exact(done)) {
            world.observe(&mut observation);
            let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&observation), bits(stored), "episode {}, step {}", episode.index, world.steps());
            world.step(action);
        }
        assert!(world.success());
    }
}
