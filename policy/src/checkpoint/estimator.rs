//! The estimator of a generator that sees: a checkpoint that estimates a part of the observation from pictures and the
//! rest of it. The generator itself is one of a state, and knows no pictures.
//!
//! ```text
//! given        o_t (what a robot knows of itself) and the pictures of step t
//! estimator    e_t = E(o_t, pictures of t)           a regression: T_obs, T_pred and T_act are 1, its action is e
//! generator    chunk = G((o, e)_{t − T_obs + 1 … t}, z)
//! ```

use super::Checkpoint;
use super::weights_file::StoredPrecision;
use crate::error::Result;
use imle_configs::Error as ConfigError;
use imle_configs::spec::{Horizons, Spec};
use std::{path::Path, sync::Arc};

/// The beginning of the name of an estimator's folder.
const FOLDER: &str = "estimator-";

/// Name of the folder of the estimator of that fingerprint, beside the generator's weights.
pub(super) fn folder_name(fingerprint: &str) -> String {
    format!("{FOLDER}{fingerprint}")
}

/// Whether a file of that name is the folder of an estimator.
pub(super) fn is_folder(name: &str) -> bool {
    name.strip_prefix(FOLDER).is_some_and(|sum| sum.len() == 8 && sum.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Writes an estimator whole or not at all; one of that name is the same already.
pub(super) fn save(estimator: &Checkpoint, folder: &Path, precision: StoredPrecision) -> Result<()> {
    if folder.is_dir() { Ok(()) } else { estimator.save_as(folder, precision) }
}

impl Checkpoint {
    /// The estimator of a part of what the generator observes, if it has one.
    pub fn estimator(&self) -> Option<&Arc<Self>> {
        self.estimator.as_ref()
    }

    /// The generator behind `estimator`: of its observation, the last terms are what that estimates, those before what
    /// it is given. `place` names the checkpoint in errors.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the two do not fit.
    pub fn with_estimator(mut self, estimator: Arc<Self>, place: &str) -> Result<Self> {
        let key = |what: &str| format!("{place}: estimator: {what}");
        let (theirs, ours) = (estimator.config(), &self.config);
        let pictures = theirs.spec.pictures.is_some() && estimator.estimator.is_none();
        ConfigError::ensure(pictures, key("spec.pictures"), "cameras", "none, or an estimator of its own")?;
        ConfigError::ensure(ours.vision.is_none(), key("vision"), "a generator without cameras of its own", "cameras")?;
        let one = Horizons { observation: 1, prediction: 1, action: 1 };
        ConfigError::ensure(theirs.horizons == one, key("horizons"), "1, 1 and 1", format_args!("{:?}", theirs.horizons))?;
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
