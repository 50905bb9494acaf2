//! The estimator of a generator that sees: a checkpoint that estimates a part of the observation from pictures and the
//! rest of it. The generator itself is one of a state, and knows no pictures.
//!
//! ```text
//! given        o_t (what a robot knows of itself) and the pictures of step t
//! estimator    e_t = E(o_t, pictures of t)           a regression: T_obs, T_pred and T_act are 1, its action is e
//! generator    chunk = G((o, e)_{t − T_obs + 1 … t}, z)
//! ```

use super::Checkpoint;
use crate::error::Result;
use imle_configs::Error as ConfigError;
use imle_configs::spec::{Horizons, Spec};
use std::sync::Arc;

impl Checkpoint {
    /// The estimator of a part of what the generator observes, if it has one.
    pub fn estimator(&self) -> Option<&Arc<Self>> {
        self.estimator.as_ref()
    }

    /// Checks that it can be an estimator; `place` names it in errors.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the key.
    pub fn check_estimator(&self, place: &str) -> Result<()> {
        let found = format!("a checkpoint of method {} that is none", self.config.method);
        let one = Horizons { observation: 1, prediction: 1, action: 1 };
        let fits = self.config.vision.is_some() && self.config.horizons == one;
        Ok(ConfigError::ensure(fits, place, "an estimator, as `planner train --estimate` makes one", found)?)
    }

    /// The generator behind `estimator`: of its observation, the last terms are what that estimates, those before what
    /// it is given. `place` names the checkpoint in errors.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the two do not fit.
    pub fn with_estimator(mut self, estimator: Arc<Self>, place: &str) -> Result<Self> {
        let place = format!("{place}: estimator");
        estimator.check_estimator(&place)?;
        let key = |what: &str| format!("{place}: {what}");
        let (theirs, ours) = (estimator.config(), &self.config);
        ConfigError::ensure(ours.vision.is_none(), key("vision"), "a generator without cameras of its own", "cameras")?;
        let mut seen = theirs.spec.observation.clone();
        seen.terms.extend(theirs.spec.action.terms.iter().cloned());
        let fits = seen == ours.spec.observation;
        ConfigError::ensure(fits, key("spec"), format_args!("{}", ours.spec.observation), format_args!("{seen}"))?;
        let (observation, pictures) = (theirs.spec.observation.clone(), theirs.spec.pictures.clone());
        self.spec = Spec { observation, pictures, ..self.config.spec.clone() };
        self.estimator = Some(estimator);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::estimator_folder::folder_name;
    use super::*;
    use crate::sampler::{LatentKey, Observations, Sampler};
    use crate::targets::{DemonstrationChunks, estimates};
    use crate::test_support::{self, estimator, pool};
    use imle_configs::episode::Episode;
    use std::{fs, path::Path};
    use tch::Device;

    /// A generator of three values, of which the last two are estimated from the first and a picture.
    fn seeing() -> Checkpoint {
        let mut body = test_support::checkpoint(3, 2, 5).config().clone();
        let estimator = estimator(1, 2);
        body.spec.observation.terms = [estimator.spec().observation.clone(), estimator.spec().action.clone()]
            .into_iter()
            .flat_map(|layout| layout.terms)
            .collect();
        let weights = body.network.parameters(&body.shape()).unwrap().initial(5);
        Checkpoint::new(body, weights).unwrap().with_estimator(Arc::new(estimator), "test").unwrap()
    }

    /// Histories of `count` decisions: values, and pictures.
    fn seen(checkpoint: &Checkpoint, count: usize) -> (Vec<f32>, Vec<u8>) {
        let sampler = Sampler::new(checkpoint, 1, Device::Cpu).unwrap();
        let values = (0..count * sampler.shape().observation).map(|i| (i as f32).sin()).collect();
        (values, (0..count * sampler.picture_bytes()).map(|i| (i * 37 % 251) as u8).collect())
    }

    #[test]
    fn chunks_are_those_of_the_generator_on_estimates_at_any_thread_count() {
        let checkpoint = seeing();
        let sampler = Sampler::new(&checkpoint, 2, Device::Cpu).unwrap();
        let (o, bytes) = (sampler.shape().observation, sampler.picture_bytes());
        assert_eq!((o, bytes), (2, 2 * 12 * 12 * 3));
        let (values, pictures) = seen(&checkpoint, 5);
        let keys: Vec<_> = (0..5).map(|episode| LatentKey { seed: 1, episode, step: 0 }).collect();
        let observations = Observations { values: &values, pictures: &pictures };
        let draw = |threads: usize| {
            let mut out = vec![0.0; 5 * 3 * sampler.shape().chunk()];
            sampler.sample(&pool(threads), observations, &keys, 3, &mut out).unwrap();
            out
        };
        let (found, lock) = (draw(1), |threads: usize| {
            let mut out = vec![0.0; 5 * sampler.shape().chunk()];
            sampler.sample_lockstep(&pool(threads), observations, &keys, &mut out).unwrap();
            out
        });
        assert_eq!(found, draw(2));
        assert_eq!(lock(1), lock(2));

        // The generator by itself, on what the estimator says of each frame.
        let frames = Episode { observations: values.clone(), actions: vec![0.0; 20], len: 10, ..Episode::default() };
        let one = Horizons { observation: 1, prediction: 1, action: 1 };
        let spec = Spec { observation: checkpoint.spec().observation.clone(), ..test_support::spec(1, 2) };
        let windows =
            DemonstrationChunks::new(&spec, one, &[frames]).unwrap().with_pictures(Arc::new(pictures.clone()));
        let windows = windows.unwrap();
        let of = |copy| estimates(checkpoint.estimator().unwrap(), &pool(2), Device::Cpu, &windows, copy).unwrap();
        let full: Vec<f32> = values.iter().zip(of(None).chunks(2)).flat_map(|(v, e)| [*v, e[0], e[1]]).collect();
        let body = Checkpoint::new(checkpoint.config().clone(), checkpoint.weights().to_vec()).unwrap();
        let mut alone = vec![0.0; found.len()];
        Sampler::new(&body, 1, Device::Cpu).unwrap().sample(&pool(1), &full, &keys, 3, &mut alone).unwrap();
        assert!(found.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {alone:?}");
        assert!(of(Some(0)) != of(None) && of(Some(0)) != of(Some(1)) && of(Some(1)) == of(Some(1)));
        let blind = sampler.sample(&pool(1), &values, &keys, 3, &mut vec![0.0; found.len()]).unwrap_err().to_string();
        assert!(blind.contains("pictures: expected (5, "), "{blind}");
    }

    #[test]
    fn it_comes_back_and_what_is_wrong_with_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, saved) = (dir.path().join("c"), seeing());
        saved.save(&folder).unwrap();
        let loaded = Checkpoint::load(&folder).unwrap();
        assert_eq!(loaded, saved);
        assert_eq!(loaded.spec().pictures.as_ref().unwrap().cameras, ["top"]);
        let fingerprint = saved.estimator().unwrap().fingerprint();
        assert_ne!(
            Checkpoint::new(saved.config().clone(), saved.weights().to_vec()).unwrap().fingerprint(),
            saved.fingerprint()
        );
        let inner = folder.join(folder_name(&fingerprint));
        let read = |at: &Path, name: &str| fs::read(at.join(name)).unwrap();
        let prefixed = |name: &str| format!("{}/{name}", folder_name(&fingerprint));
        let names = [super::super::CONFIG_FILE, super::super::MODEL_FILE];
        let files: Vec<(String, Vec<u8>)> = names
            .iter()
            .flat_map(|name| [(name.to_string(), read(&folder, name)), (prefixed(name), read(&inner, name))])
            .collect();
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        assert_eq!(Checkpoint::load_bytes("shipped", &files).unwrap(), saved);

        // Another's estimator goes when it is written over, and what is missing or another is named.
        fs::create_dir(folder.join("estimator-0badf00d")).unwrap();
        saved.save(&folder).unwrap();
        assert!(!folder.join("estimator-0badf00d").exists() && inner.exists());
        estimator(1, 3).save(&inner).unwrap();
        let told = Checkpoint::load(&folder).unwrap_err().to_string();
        assert!(told.contains("expected the estimator that config.json names"), "{told}");
        fs::remove_dir_all(&inner).unwrap();
        let told = Checkpoint::load(&folder).unwrap_err().to_string();
        assert!(told.contains(&folder_name(&fingerprint)) && told.contains("cannot read"), "{told}");
        let fits =
            |body: Checkpoint, eyes: Checkpoint| body.with_estimator(Arc::new(eyes), "c").unwrap_err().to_string();
        let plain = test_support::checkpoint(3, 2, 1);
        assert!(fits(plain.clone(), estimator(1, 2)).starts_with("c: estimator: spec: expected"));
        assert!(
            fits(plain.clone(), plain).contains("c: estimator: expected an estimator, as `planner train --estimate`")
        );
    }
}
