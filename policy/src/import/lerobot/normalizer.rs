//! LeRobot's normalisation: by statistics in the weights (before LeRobot 0.4) or in the files of the pre- and
//! postprocessor (from 0.4 on).

use super::features::{ACTION, ENVIRONMENT, Features, STATE};
use crate::import::{options::Options, source_policy::of_range, tensors::Tensors};
use crate::normalizer::AffineMap;
use imle_configs::spec::{CHANNELS, Term};
use imle_configs::{Error, Result, files};
use serde_json::Value;
use std::path::Path;

const PREPROCESSOR: &str = "policy_preprocessor.json";
const POSTPROCESSOR: &str = "policy_postprocessor.json";
/// Addend of LeRobot's denominators.
const EPSILON: f32 = 1e-8;

/// The maps of all that a policy sees and does, value by value.
pub(super) struct Maps {
    pub(super) observation: Vec<AffineMap>,
    /// Red, green and blue of each camera.
    pub(super) pictures: Vec<[AffineMap; CHANNELS]>,
    pub(super) action: Vec<AffineMap>,
}

impl Maps {
    /// Those of the policy in `folder`; what is in its weights is taken from `tensors`.
    pub(super) fn read(
        folder: &Path,
        config: &Options<'_>,
        features: &Features,
        tensors: &mut Tensors,
    ) -> Result<Self> {
        let old = !folder.join(PREPROCESSOR).exists();
        if old { of_buffers(tensors, config, features) } else { of_processors(folder, features) }
    }

    /// From all the maps of what is seen, in order, and those of the action.
    fn of(features: &Features, mut seen: Vec<AffineMap>, action: Vec<AffineMap>) -> Self {
        let values: usize = features.observation.iter().map(|term| term.size).sum();
        let colours = seen.split_off(values);
        Self { observation: seen, pictures: colours.as_chunks().0.to_vec(), action }
    }
}

/// The shape of the statistics of `term`: those of pictures are for every pixel.
fn shape(term: &Term) -> Vec<usize> {
    match kind(term) {
        "VISUAL" => vec![term.size, 1, 1],
        _ => vec![term.size],
    }
}

/// A way to normalise, by LeRobot's name for it.
#[derive(Clone, Copy)]
enum Mode {
    Identity,
    MeanStd,
    /// Two statistics that become -1 and 1.
    Range(&'static str, &'static str),
}

impl Mode {
    fn of(name: &str, place: String) -> Result<Self> {
        let known = [
            ("IDENTITY", Self::Identity),
            ("MEAN_STD", Self::MeanStd),
            ("MIN_MAX", Self::Range("min", "max")),
            ("QUANTILES", Self::Range("q01", "q99")),
            ("QUANTILE10", Self::Range("q10", "q90")),
        ];
        let found = known.iter().find(|(known, _)| *known == name.to_uppercase());
        let unknown = || Error::unknown("normalization", name, known.map(|(known, _)| known)).in_file(place);
        found.map(|(_, mode)| *mode).ok_or_else(unknown)
    }

    /// Adds the maps of `term`; `take` gives a statistic of it. `added` is what is added to the denominators.
    fn add(
        &self,
        maps: &mut Vec<AffineMap>,
        term: &Term,
        added: [f32; 2],
        mut take: impl FnMut(&str) -> Result<Vec<f32>>,
    ) -> Result<()> {
        let [to_range, to_deviation] = added;
        match *self {
            Self::Identity => maps.extend(vec![AffineMap { center: 0.0, scale: 1.0, offset: 0.0 }; term.size]),
            Self::MeanStd => {
                for (mean, deviation) in take("mean")?.into_iter().zip(take("std")?) {
                    let scale = if deviation == 0.0 { 0.0 } else { deviation + to_deviation };
                    maps.push(AffineMap { center: mean, scale, offset: 0.0 });
                }
            }
            Self::Range(low, high) => {
                for (low, high) in take(low)?.into_iter().zip(take(high)?) {
                    maps.push(of_range(low, high, to_range));
                }
            }
        }
        Ok(())
    }
}

/// The kind of a feature in LeRobot's maps of normalisations.
fn kind(term: &Term) -> &'static str {
    match term.name.as_str() {
        STATE => "STATE",
        ENVIRONMENT => "ENV",
        ACTION => "ACTION",
        _ => "VISUAL",
    }
}

/// From the tensors beside the weights.
fn of_buffers(tensors: &mut Tensors, config: &Options<'_>, features: &Features) -> Result<Maps> {
    let mode = |term: &Term| -> Result<Mode> {
        let (key, name) = match (config.get("normalization_mapping"), kind(term)) {
            (Some(_), kind) => ("normalization_mapping", kind),
            (None, "ACTION") => ("output_normalization_modes", term.name.as_str()),
            (None, _) => ("input_normalization_modes", term.name.as_str()),
        };
        let modes = config.object(key)?;
        modes.text_if_any(name)?.map_or(Ok(Mode::Identity), |mode| Mode::of(&mode, modes.place(name)))
    };
    let mut maps = Vec::new();
    let buffer = |part: &str, term: &Term| format!("{part}.buffer_{}", term.name.replace('.', "_"));
    for term in features.seen() {
        let name = buffer("normalize_inputs", term);
        mode(term)?.add(&mut maps, term, [EPSILON; 2], |part| tensors.take(&format!("{name}.{part}"), &shape(term)))?;
    }
    let seen = maps;
    let mut maps = Vec::new();
    let (term, name) = (&features.action, buffer("unnormalize_outputs", &features.action));
    mode(term)?.add(&mut maps, term, [0.0; 2], |part| tensors.take(&format!("{name}.{part}"), &[term.size]))?;
    Ok(Maps::of(features, seen, maps))
}

/// From the files of the processors.
fn of_processors(folder: &Path, features: &Features) -> Result<Maps> {
    let before = Step::read(folder, PREPROCESSOR, "normalizer_processor")?;
    let after = Step::read(folder, POSTPROCESSOR, "unnormalizer_processor")?;
    let action = [&features.action];
    Ok(Maps::of(features, before.maps(features.seen(), true)?, after.maps(action, false)?))
}

/// The step of a processor that normalises.
struct Step {
    place: String,
    config: Value,
    /// No statistics, no normalisation.
    statistics: Option<Tensors>,
}

impl Step {
    fn read(folder: &Path, file: &str, wanted: &str) -> Result<Self> {
        /// Steps that change no numbers of a state or an action.
        const HARMLESS: [&str; 4] =
            ["rename_observations_processor", "to_batch_processor", "device_processor", "rename_processor"];
        let path = folder.join(file);
        let place = path.display().to_string();
        let json = |e: serde_json::Error| Error::unexpected(&place, "the configuration of a processor", e);
        let whole: Value = serde_json::from_str(&files::read_text(&path)?).map_err(json)?;
        let steps = whole.get("steps").and_then(Value::as_array);
        let steps = steps.ok_or_else(|| Error::unexpected(format!("{place}: steps"), "a list", "none"))?;
        let mut found = None;
        for (i, value) in steps.iter().enumerate() {
            let step = Options::new(&format!("{place}: steps.{i}"), value)?;
            match step.text_if_any("registry_name")?.or(step.text_if_any("class")?).unwrap_or_default() {
                name if name == wanted && found.is_none() => found = Some((step, value)),
                name if HARMLESS.contains(&name.as_str()) => {}
                name => {
                    let expected = format!("one `{wanted}` and steps that change no numbers");
                    return Err(Error::unexpected(step.place("registry_name"), expected, format!("`{name}`")));
                }
            }
        }
        let (step, value) =
            found.ok_or_else(|| Error::unexpected(format!("{place}: steps"), format!("a `{wanted}`"), "none"))?;
        let statistics = match step.text_if_any("state_file")? {
            None => None,
            // The file beside it, whatever folders its name has.
            Some(name) => {
                let name = Path::new(&name).file_name().unwrap_or_default().to_os_string();
                Some(Tensors::read(&folder.join(name))?)
            }
        };
        let place = step.place("config");
        Ok(Self { place, config: value.get("config").cloned().unwrap_or_default(), statistics })
    }

    /// `forward`, or back: then nothing is added to the denominators.
    fn maps<'a>(mut self, terms: impl IntoIterator<Item = &'a Term>, forward: bool) -> Result<Vec<AffineMap>> {
        let config = Options::new(&self.place, &self.config)?;
        let to_deviation = if forward { config.number("eps", f64::from(EPSILON))? as f32 } else { 0.0 };
        let modes = config.object("norm_map")?;
        let only = config.get("normalize_observation_keys").and_then(Value::as_array);
        let mut maps = Vec::new();
        for term in terms {
            let mode = modes.text_if_any(kind(term))?;
            let mut mode = mode.map_or(Ok(Mode::Identity), |mode| Mode::of(&mode, modes.place(kind(term))))?;
            let prefix = format!("{}.", term.name);
            let known = |tensors: &Tensors| tensors.names().any(|name| name.starts_with(&prefix));
            let left_out =
                only.is_some_and(|keys| kind(term) != "ACTION" && !keys.contains(&Value::from(term.name.as_str())));
            if left_out || !self.statistics.as_ref().is_some_and(known) {
                mode = Mode::Identity;
            }
            let statistics = &mut self.statistics;
            mode.add(&mut maps, term, [0.0, to_deviation], |part| match statistics {
                Some(tensors) => tensors.take(&format!("{prefix}{part}"), &shape(term)),
                None => Ok(Vec::new()),
            })?;
        }
        Ok(maps)
    }
}
