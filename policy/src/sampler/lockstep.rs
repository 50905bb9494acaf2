//! One chunk for each of many decisions, some of them in one pass of the network: for episodes in lock-step.
//!
//! A pass over one row reads all weights for it; over [`ROWS`] a small network takes hardly longer, a U-Net some four
//! times as long. What a row comes to depends on the number of rows of its pass and, it may be, on its place among
//! them, never on what the others hold. So a pass always has [`ROWS`] rows, a decision has the place that its episode's
//! index gives it, and places that nothing is decided for hold zeros: the bits are the same for any company and any
//! number of threads.

use super::draw::{Observations, Sampler};
use super::latents::LatentKey;
use crate::error::Result;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};
use tch::{Device, Tensor};

/// Rows of a pass.
const ROWS: usize = 16;

/// Which decision has each place of a pass.
type Places = [Option<usize>; ROWS];

/// The encoding of one decision: features (1, F), and the linear prediction of its chunk.
type Encoded = (Mutex<Tensor>, Vec<f32>);

impl Sampler {
    /// Draws one chunk for each of B decisions of episodes that are run side by side, however many of them are left: as
    /// [`sample`](Self::sample) with one candidate but for the last bits; faster where several are left, slower for one
    /// alone.
    ///
    /// `keys` (B); `out` (B, T_pred, A) raw.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn sample_lockstep<'a>(
        &self,
        pool: &rayon::ThreadPool,
        observations: impl Into<Observations<'a>>,
        keys: &[LatentKey],
        out: &mut [f32],
    ) -> Result<()> {
        let observations = observations.into();
        if self.device != Device::Cpu {
            return self.sample(pool, observations, keys, 1, out);
        }
        self.check(observations, keys.len(), 1, out)?;
        pool.install(|| self.draw_lockstep(observations, keys, out))
    }

    fn draw_lockstep(&self, observations: Observations<'_>, keys: &[LatentKey], out: &mut [f32]) -> Result<()> {
        let (o, p, chunk) = (self.shape().observation, self.picture_bytes(), self.shape().chunk());
        let encode = |b: usize| -> Result<Encoded> {
            let (features, base) = self.worker().encode(self, observations.decision(b, o, p))?;
            Ok((Mutex::new(features), base))
        };
        let encoded: Vec<Encoded> =
            (0..keys.len()).into_par_iter().with_max_len(1).map(encode).collect::<Result<_>>()?;
        let passes = passes(keys);
        let drawn: Vec<Vec<f32>> =
            passes.par_iter().with_max_len(1).map(|places| self.pass(places, &encoded, keys)).collect::<Result<_>>()?;
        for (places, drawn) in passes.iter().zip(&drawn) {
            for (b, row) in places.iter().zip(drawn.chunks_exact(chunk)) {
                let Some(b) = *b else { continue };
                let out = &mut out[b * chunk..][..chunk];
                out.copy_from_slice(row);
                self.finish(&encoded[b].1, out);
            }
        }
        Ok(())
    }

    /// The chunks of one pass, as the network makes them.
    fn pass(&self, places: &Places, encoded: &[Encoded], keys: &[LatentKey]) -> Result<Vec<f32>> {
        let known: Vec<Option<Tensor>> = places
            .map(|b| b.map(|b| encoded[b].0.lock().unwrap_or_else(PoisonError::into_inner).shallow_clone()))
            .into();
        tch::no_grad(|| {
            let Some(any) = known.iter().flatten().next() else { return Ok(Vec::new()) };
            let nothing = any.f_zeros_like()?;
            let rows: Vec<&Tensor> = known.iter().map(|features| features.as_ref().unwrap_or(&nothing)).collect();
            let features = Tensor::f_cat(&rows, 0)?;
            let mut worker = self.worker();
            let prepared = self.method.prepare(worker.network.as_ref(), &features, &self.config.sampling)?;
            let latent = |row: usize, z: &mut [f32]| match places[row] {
                Some(b) => self.latent(keys[b], 0, z),
                None => z.fill(0.0),
            };
            Ok(worker.generate(self, &prepared, [ROWS, 1], &latent)?.to_vec())
        })
    }
}

/// The fewest passes in which every decision has its place.
fn passes(keys: &[LatentKey]) -> Vec<Places> {
    let mut passes: Vec<Places> = Vec::new();
    let mut used = [0; ROWS];
    for (b, key) in keys.iter().enumerate() {
        let place = (key.episode % ROWS as u64) as usize;
        if used[place] == passes.len() {
            passes.push([None; ROWS]);
        }
        passes[used[place]][place] = Some(b);
        used[place] += 1;
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Precision;
    use crate::test_support::{checkpoints, pool};

    fn sample(sampler: &Sampler, threads: usize, episodes: &[u64]) -> Vec<Vec<f32>> {
        let (o, chunk) = (sampler.shape().observation, sampler.shape().chunk());
        let observations: Vec<f32> =
            episodes.iter().flat_map(|e| (0..o).map(move |i| ((*e as usize * o + i) as f32).sin())).collect();
        let keys: Vec<_> = episodes.iter().map(|e| LatentKey { seed: 9, episode: *e, step: 3 }).collect();
        let (mut out, mut alone) = (vec![f32::NAN; keys.len() * chunk], vec![f32::NAN; keys.len() * chunk]);
        let pool = pool(threads);
        sampler.sample_lockstep(&pool, &observations, &keys, &mut out).unwrap();
        sampler.sample(&pool, &observations, &keys, 1, &mut alone).unwrap();
        let tolerance = if sampler.config().sampling.precision == Precision::Bf16 { 3e-2 } else { 1e-5 };
        assert!(out.iter().zip(&alone).all(|(x, y)| (x - y).abs() < tolerance), "{out:?} {alone:?}");
        out.chunks(chunk).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn bits_depend_on_neither_threads_nor_company() {
        for checkpoint in checkpoints() {
            let sampler = Sampler::new(&checkpoint, 2, Device::Cpu).unwrap();
            let episodes: Vec<u64> = (0..37).chain([5, 90, 101]).collect();
            let all = sample(&sampler, 1, &episodes);
            assert_eq!(all, sample(&sampler, 2, &episodes));
            assert_eq!(all[5], all[37]);
            for which in [vec![0], vec![36], vec![38], vec![7, 23, 39], (3..30).rev().collect()] {
                let some = sample(&sampler, 2, &which.iter().map(|b| episodes[*b]).collect::<Vec<_>>());
                assert!(some.iter().zip(&which).all(|(one, b)| *one == all[*b]), "{which:?}");
            }
        }
    }

    #[test]
    fn passes_are_as_few_as_places_allow() {
        let keys = |episodes: &[u64]| -> Vec<LatentKey> {
            episodes.iter().map(|e| LatentKey { episode: *e, ..LatentKey::default() }).collect()
        };
        assert!(passes(&[]).is_empty());
        assert_eq!(passes(&keys(&(8..24).collect::<Vec<_>>())).len(), 1);
        assert_eq!(passes(&keys(&[3, 19, 4])).len(), 2);
    }
}
