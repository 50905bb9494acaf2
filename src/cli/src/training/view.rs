//! A dataset as a generator sees it: the whole observation, pictures and what a robot knows of itself, or that and what an
//! estimator makes of pictures. Or as an estimator learns from it.

use crate::failure::{Failure, Result};
use crate::output::Output;
use imle_configs::Error as InputError;
use imle_configs::episode::{Episode, checksum, fingerprint};
use imle_configs::spec::{Horizons, Spec};
use imle_data::Dataset;
use imle_envs::task::Task;
use imle_policy::checkpoint::Checkpoint;
use imle_policy::{targets, targets::DemonstrationChunks, vision::VisionSettings};
use std::{path::Path, sync::Arc};

/// `all`, in place of the names of terms to be estimated.
const ALL: &str = "all";

/// A dataset as a generator sees it.
#[derive(Clone)]
pub struct View {
    /// Observations as they are seen; with pictures `spec.pictures` says which.
    pub dataset: Dataset,
    /// (frames, cameras, H, W, 3)
    pictures: Option<Arc<Vec<u8>>>,
    estimated: Option<Estimated>,
}

/// The episodes through an estimator.
#[derive(Clone)]
struct Estimated {
    estimator: Arc<Checkpoint>,
    /// The episodes once for every copy, with estimates in place of the true values.
    episodes: Vec<Episode>,
    copies: usize,
    /// Observations and actions at run time.
    given: Spec,
}

/// The pictures of `cameras` of the dataset in `folder`, and where they are from.
fn pictures(
    folder: &Path,
    dataset: &mut Dataset,
    cameras: &[String],
    pool: &rayon::ThreadPool,
    output: Output,
) -> Result<Arc<Vec<u8>>> {
    if imle_data::image_layout(folder)?.is_none() {
        let place = folder.join("meta/info.json");
        let expected = "pictures, as `planner demo --images` stores them (`observation.images.NAME` of type image)";
        return Err(InputError::unexpected(format!("{}: features", place.display()), expected, "none of them").into());
    }
    let images = pool.install(|| imle_data::read_all_images(folder, cameras, dataset.episodes.len()))?;
    let megabytes = images.rgb.len() as f64 / 1e6;
    output.note(format!("pictures of {}: {megabytes:.0} MB in memory", images.layout));
    dataset.spec.pictures = Some(images.layout);
    Ok(Arc::new(images.rgb))
}

impl View {
    /// `dataset`, read from `folder`, as `vision` says. Pictures are decoded by all threads and stay in memory.
    ///
    /// # Errors
    /// A bad input that names what the dataset does not have.
    pub fn new(
        folder: &Path,
        mut dataset: Dataset,
        vision: &VisionSettings,
        pool: &rayon::ThreadPool,
        output: Output,
    ) -> Result<Self> {
        if vision.cameras.is_empty() {
            return Ok(Self { dataset, pictures: None, estimated: None });
        }
        let pictures = pictures(folder, &mut dataset, &vision.cameras, pool, output)?;
        let place = |key: &str| format!("{}: vision.{key}", folder.display());
        if !vision.estimate.is_empty() {
            let estimated = match vision.estimate.as_slice() {
                [all] if all == ALL => {
                    let names = dataset.spec.observation.terms.iter().map(|term| term.name.clone());
                    names.filter(|name| !vision.state.contains(name)).collect()
                }
                names => names.to_vec(),
            };
            let known = || format!("terms beside {}", vision.state.join(", "));
            let twice = estimated.iter().find(|name| vision.state.contains(name));
            InputError::ensure(twice.is_none(), place("estimate"), known(), twice.map_or("", String::as_str))?;
            InputError::ensure(!estimated.is_empty(), place("estimate"), known(), "none")?;
            dataset = dataset.with_estimates(&estimated).map_err(|e| e.in_file(place("estimate")))?;
        }
        let dataset = dataset.with_observation(&vision.state).map_err(|e| e.in_file(place("state")))?;
        Ok(Self { dataset, pictures: Some(pictures), estimated: None })
    }

    /// `dataset`, read from `folder`, as `estimator` sees it: in `copies` ways, or with the true values for 0.
    ///
    /// # Errors
    /// A bad input that names what the dataset does not have.
    pub fn behind(
        folder: &Path,
        mut dataset: Dataset,
        estimator: Arc<Checkpoint>,
        copies: usize,
        pool: &rayon::ThreadPool,
        device: tch::Device,
        output: Output,
    ) -> Result<Self> {
        let spec = estimator.spec();
        let place = folder.display().to_string();
        estimator.check_estimator("--estimator")?;
        let cameras = spec.pictures.as_ref().map_or(&[][..], |seen| &seen.cameras);
        let names = |terms: &[imle_configs::spec::Term]| terms.iter().map(|term| term.name.clone()).collect::<Vec<_>>();
        let (known, estimated) = (names(&spec.observation.terms), names(&spec.action.terms));
        let all = [known.clone(), estimated].concat();
        let full = dataset.clone().with_observation(&all).map_err(|e| e.in_file(&place))?;
        let actions = full.spec.action.clone();
        let pictures = pictures(folder, &mut dataset, cameras, pool, output)?;
        let frames = dataset.with_observation(&known).map_err(|e| e.in_file(&place))?;
        let given = Spec { action: actions, ..frames.spec.clone() };
        Spec { action: spec.action.clone(), ..given.clone() }.check_matches(spec, &place)?;
        let one = Horizons { observation: 1, prediction: 1, action: 1 };
        let windows = DemonstrationChunks::new(&frames.spec, one, &frames.episodes)?.with_pictures(pictures)?;
        let mut episodes = Vec::new();
        for copy in 0..copies {
            let found = targets::estimates(&estimator, pool, device, &windows, Some(copy as u64))?;
            let rows = windows.observations().chunks_exact(given.observation.size());
            let mut rows = rows.zip(found.chunks_exact(spec.action.size()));
            episodes.extend(full.episodes.iter().map(|episode| Episode {
                observations:
                    rows.by_ref().take(episode.len).flat_map(|(known, found)| [known, found].concat()).collect(),
                ..episode.clone()
            }));
        }
        let estimated = Some(Estimated { estimator, episodes, copies, given });
        Ok(Self { dataset: full, pictures: None, estimated })
    }

    /// The estimator that it is seen through, if there is one.
    pub fn estimator(&self) -> Option<Arc<Checkpoint>> {
        self.estimated.as_ref().map(|estimated| estimated.estimator.clone())
    }

    /// All but the last of its episodes, and those, of which there are `held_out`.
    pub fn split(&self, held_out: usize) -> [Self; 2] {
        let at = self.dataset.episodes.len() - held_out;
        let frames: usize = self.dataset.episodes[..at].iter().map(|episode| episode.len).sum();
        let of = |episodes: &[Episode], from: usize, to: usize| {
            let cut = |bytes: &Arc<Vec<u8>>, size: usize| Arc::new(bytes[from * size..to * size].to_vec());
            let size = self.dataset.spec.pictures.as_ref().map_or(0, imle_configs::spec::ImageLayout::bytes);
            Self {
                dataset: Dataset { episodes: episodes.to_vec(), ..self.dataset.clone() },
                pictures: self.pictures.as_ref().map(|bytes| cut(bytes, size)),
                estimated: None,
            }
        };
        let all: usize = self.dataset.episodes.iter().map(|episode| episode.len).sum();
        [of(&self.dataset.episodes[..at], 0, frames), of(&self.dataset.episodes[at..], frames, all)]
    }

    /// Windows of it.
    ///
    /// # Errors
    /// Observations or pictures that do not fit.
    pub fn windows(&self, horizons: Horizons) -> Result<DemonstrationChunks> {
        let episodes = match &self.estimated {
            Some(Estimated { episodes, copies: 1.., .. }) => episodes,
            _ => &self.dataset.episodes,
        };
        let windows = DemonstrationChunks::new(&self.dataset.spec, horizons, episodes)?;
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
        if let Some(Estimated { estimator, copies, episodes, .. }) = &self.estimated {
            let seen = fingerprint(episodes);
            return format!("{of} as estimator {} sees them, in {copies} copies ({seen})", estimator.fingerprint());
        }
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
        let seen = self.estimated.as_ref().map_or(&self.dataset.spec, |estimated| &estimated.given);
        let task = Arc::new(Arc::unwrap_or_clone(task).seen_as(seen, &place)?);
        seen.check_matches(task.spec(), &place)?;
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
