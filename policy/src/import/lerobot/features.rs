//! Inputs and outputs of a LeRobot policy, from its configuration.

use crate::{checkpoint::CONFIG_FILE, import::options::Options};
use imle_configs::spec::{CHANNELS, Term};
use imle_configs::{Error, Result, files};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::path::Path;

pub(super) const STATE: &str = "observation.state";
pub(super) const ENVIRONMENT: &str = "observation.environment_state";
pub(super) const ACTION: &str = "action";
const IMAGE: &str = "observation.image";

/// Inputs and outputs of the policy.
pub(super) struct Features {
    pub(super) observation: Vec<Term>,
    /// Pictures by their full names, with the number of their colours, in the order of the file, which is the policy's.
    pub(super) pictures: Vec<Term>,
    /// Height and width of all pictures.
    pub(super) size: [usize; 2],
    pub(super) action: Term,
}

impl Features {
    pub(super) fn of(folder: &Path, config: &Options<'_>) -> Result<Self> {
        // In 2024 features were lists of sizes, without a type.
        let [inputs, outputs] = match config.get("input_features") {
            Some(_) => ["input_features", "output_features"],
            None => ["input_shapes", "output_shapes"],
        };
        let (inputs, outputs) = (config.object(inputs)?, config.object(outputs)?);
        let mut observation = vec![size(&inputs, STATE)?];
        if inputs.get(ENVIRONMENT).is_some() {
            observation.push(size(&inputs, ENVIRONMENT)?);
        }
        let (mut pictures, mut all) = (Vec::new(), None);
        for name in ordered(folder)?.into_iter().filter(|name| is_picture(&inputs, name)) {
            let size = match sizes(&inputs, &name)?.as_deref() {
                Some([CHANNELS, height, width]) => [*height, *width],
                found => return Err(Error::unexpected(inputs.place(&name), "[3, height, width]", shown(found))),
            };
            let [height, width] = *all.get_or_insert(size);
            if size != [height, width] {
                let expected = format!("[3, {height}, {width}], the size of the other pictures");
                let found = format!("[3, {}, {}]", size[0], size[1]);
                return Err(Error::unexpected(inputs.place(&name), expected, found));
            }
            pictures.push(Term { name, size: CHANNELS });
        }
        Ok(Self { observation, pictures, size: all.unwrap_or_default(), action: size(&outputs, ACTION)? })
    }

    /// All that is seen.
    pub(super) fn seen(&self) -> impl Iterator<Item = &Term> {
        self.observation.iter().chain(&self.pictures)
    }

    /// The names of the cameras.
    pub(super) fn cameras(&self) -> Vec<String> {
        let short = |term: &Term| {
            let name = term.name.strip_prefix("observation.images.");
            name.or(term.name.strip_prefix("observation.")).unwrap_or(&term.name).to_string()
        };
        self.pictures.iter().map(short).collect()
    }
}

fn is_picture(inputs: &Options<'_>, name: &str) -> bool {
    match inputs.get(name) {
        Some(Value::Object(feature)) => feature.get("type").and_then(Value::as_str) == Some("VISUAL"),
        _ => name.starts_with(IMAGE),
    }
}

fn shown(sizes: Option<&[usize]>) -> String {
    sizes.map_or_else(|| "none".into(), |sizes| format!("{sizes:?}"))
}

fn sizes(features: &Options<'_>, name: &str) -> Result<Option<Vec<usize>>> {
    match features.get(name) {
        Some(Value::Object(_)) => features.object(name)?.sizes("shape"),
        _ => features.sizes(name),
    }
}

fn size(features: &Options<'_>, name: &str) -> Result<Term> {
    match sizes(features, name)?.as_deref() {
        Some([size]) => Ok(Term { name: name.into(), size: *size }),
        other => Err(Error::unexpected(features.place(name), "one size, like [7]", shown(other))),
    }
}

/// The keys of an object as they follow each other in the file, which a parsed [`Value`] does not keep.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Keys;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// The names of what the policy sees, in the order of the file.
fn ordered(folder: &Path) -> Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Inputs {
        input_features: Option<Keys>,
        input_shapes: Option<Keys>,
    }
    let path = folder.join(CONFIG_FILE);
    let inputs: Inputs = serde_json::from_str(&files::read_text(&path)?)
        .map_err(|e| Error::unexpected(path.display(), "the configuration of a policy", e))?;
    Ok(inputs.input_features.or(inputs.input_shapes).map_or_else(Vec::new, |keys| keys.0))
}
