//! A dataset as a generator sees it: the whole observation, or pictures and what a robot knows of itself.

use crate::failure::{Failure, Result};
use crate::output::Output;
use imle_configs::episode::{checksum, fingerprint};
use imle_configs::{Error as InputError, spec::Horizons};
use imle_data::Dataset;
use imle_envs::task::Task;
use imle_policy::{targets::DemonstrationChunks, vision::VisionSettings};
use std::{path::Path, sync::Arc};

/// A dataset as a generator sees it.
#[derive(Clone)]
pub struct View {
    /// Observations as they are seen; with pictures `spec.pictures` says which.
    pub dataset: Dataset,
    /// (frames, cameras, H, W, 3)
    pictures: Option<Arc<Vec<u8>>>,
}

impl View {
    /// `dataset`, read from `folder`, as `vision` says. Pictures are decoded by all threads and stay in memory.
    ///
    /// # Errors
    /// A bad input that names what the dataset does not have.
    pub fn new(
        folder: &Path,
        dataset: Dataset,
        vision: &VisionSettings,
        pool: &rayon::ThreadPool,
        output: Output,
    ) -> Result<Self> {
        if vision.cameras.is_empty() {
            return Ok(Self { dataset, pictures: None });
        }
        if imle_data::image_layout(folder)?.is_none() {
            let place = folder.join("meta/info.json");
            let expected = "pictures, as `planner demo --images` stores them (`observation.images.NAME` of type image)";
            return Err(
                InputError::unexpected(format!("{}: features", place.display()), expected, "none of them").into()
            );
        }
        let place = format!("{}: vision.state", folder.display());
        let mut dataset = dataset.with_observation(&vision.state).map_err(|e| e.in_file(place))?;
        let images = pool.install(|| imle_data::read_all_images(folder, &vision.cameras, dataset.episodes.len()))?;
        let megabytes = images.rgb.len() as f64 / 1e6;
        output.note(format!("pictures of {}: {megabytes:.0} MB in memory", images.layout));
        dataset.spec.pictures = Some(images.layout);
        Ok(Self { dataset, pictures: Some(Arc::new(images.rgb)) })
    }

    /// Windows of it.
    ///
    /// # Errors
    /// Observations or pictures that do not fit.
    pub fn windows(&self, horizons: Horizons) -> Result<DemonstrationChunks> {
        let windows = DemonstrationChunks::new(&self.dataset.spec, horizons, &self.dataset.episodes)?;
        Ok(match &self.pictures {
            Some(pictures) => windows.with_pictures(pictures.clone())?,
            None => windows,
        })
    }

    /// Pictures of it, (frames, cameras, H, W, 3), if any are seen.
    pub fn pictures(&self) -> Option<Arc<Vec<u8>>> {
        self.pictures.clone()
    }

    /// Identification of the data: `100 episodes (1234abcd)`, with pictures `… and pictures of top (5678ef90)`.
    pub fn learned(&self) -> String {
        let of = format!("{} episodes ({})", self.dataset.episodes.len(), fingerprint(&self.dataset.episodes));
        match (&self.pictures, &self.dataset.spec.pictures) {
            (Some(bytes), Some(layout)) => {
                format!("{of} and pictures of {} ({})", layout.cameras.join(", "), checksum(bytes))
            }
            _ => of,
        }
    }

    /// `task` as the generator sees it.
    ///
    /// # Errors
    /// A bad input, if the task has not these cameras, or pictures of another size; `folder` names the dataset.
    pub fn task(&self, task: Arc<Task>, folder: &Path) -> Result<Arc<Task>> {
        let place = folder.display().to_string();
        let task = Arc::new(Arc::unwrap_or_clone(task).seen_as(&self.dataset.spec, &place)?);
        self.dataset.spec.check_matches(task.spec(), &place)?;
        Ok(task)
    }
}

/// The settings with the observation terms that are seen beside pictures: those of `task` that a robot knows of
/// itself, unless others are named.
///
/// # Errors
/// A bad input, if nobody says which.
pub fn settled(mut vision: VisionSettings, task: Option<&Task>) -> Result<VisionSettings> {
    if vision.cameras.is_empty() || !vision.state.is_empty() {
        return Ok(vision);
    }
    vision.state = task.map(|t| t.proprioception().to_vec()).unwrap_or_default();
    if vision.state.is_empty() {
        return Err(Failure::Input(
            "settings: vision.state: expected names of observation terms to be seen beside the pictures, as the task names \
             no `proprioception`, found none"
                .into(),
        ));
    }
    Ok(vision)
}
