//! What the optimizers are tested on: a search alone, without chunks.

use super::search::{Optimizer, Wave};
use crate::{decide::Key, selection::cheapest::cheapest};
use imle_configs::seed::{Purpose, fill_normal, stream};

/// Runs `optimizer` with `candidates` on `cost` over parameters of size `size`, the first wave drawn around `from` with
/// deviation `noise`; returns the best parameters and their cost.
pub fn minimise(
    optimizer: &dyn Optimizer,
    candidates: usize,
    from: &[f32],
    noise: f32,
    seed: u64,
    cost: impl Fn(&[f32]) -> f64,
) -> (Vec<f32>, f64) {
    let size = from.len();
    let mut waves = Vec::new();
    optimizer.waves(candidates, &mut waves);
    let mut search = optimizer.search();
    let (mut parameters, mut costs): (Vec<f32>, Vec<f64>) = (Vec::new(), Vec::new());
    for (index, n) in waves.iter().enumerate() {
        let mut drawn = vec![0.0; n * size];
        let wave = Wave {
            index,
            waves: waves.len(),
            before: costs.len(),
            last: if index == 0 { 0 } else { waves[index - 1] },
            parameters: &parameters,
            costs: &costs,
            chunks: &parameters,
            range: (&[-1.0], &[1.0]),
            dims: 1,
            seed,
            key: Key { episode: 0, decision: 0 },
        };
        if index == 0 {
            let mut rng = stream(seed, Purpose::Noise, 0, 0, 0);
            fill_normal(&mut rng, &mut drawn);
            drawn.iter_mut().enumerate().for_each(|(i, x)| *x = from[i % size] + noise * *x);
        } else {
            search.sample(&wave, &mut drawn);
        }
        costs.extend(drawn.chunks(size).map(&cost));
        parameters.extend(drawn);
    }
    let best = cheapest(costs.iter().copied()).unwrap();
    (parameters[best * size..][..size].to_vec(), costs[best])
}

/// Half the squared distance from a point, unequally scaled: easy, but not round.
pub fn bowl(x: &[f32]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (1.0 + i as f64) * (f64::from(*x) - 0.5).powi(2)).sum::<f64>() / 2.0
}
