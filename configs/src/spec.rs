//! The shapes, names and ranges of observations and actions: what a checkpoint, a dataset and a task agree on.

use crate::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One named part of an observation or action vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Unique name, e.g. `cube_a_position`.
    pub name: String,
    /// Number of consecutive values.
    pub size: usize,
}

/// The layout of a flat vector: its terms in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The terms, first to last.
    pub terms: Vec<Term>,
}

impl Layout {
    /// Total number of values.
    pub fn size(&self) -> usize {
        self.terms.iter().map(|t| t.size).sum()
    }

    /// One name a value: `term` or `term_0`, `term_1`…
    pub fn value_names(&self) -> Vec<String> {
        let name = |t: &Term| match t.size {
            1 => vec![t.name.clone()],
            n => (0..n).map(|i| format!("{}_{i}", t.name)).collect(),
        };
        self.terms.iter().flat_map(name).collect()
    }

    /// The terms of these names, in their order, and the places of their values in a vector of this layout.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest names.
    pub fn part(&self, names: &[String]) -> Result<(Self, Vec<usize>)> {
        let (mut part, mut places) = (Self::default(), Vec::new());
        for name in names {
            let mut at = 0;
            let found = self.terms.iter().find(|t| {
                at += t.size;
                t.name == *name
            });
            let term =
                found.ok_or_else(|| Error::unknown("observation term", name, self.terms.iter().map(|t| &t.name)))?;
            places.extend(at - term.size..at);
            part.terms.push(term.clone());
        }
        Ok((part, places))
    }
}

/// `5 values (tip[2] cube[3])`.
impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let terms: Vec<_> = self.terms.iter().map(|t| format!("{}[{}]", t.name, t.size)).collect();
        write!(f, "{} values ({})", self.size(), terms.join(" "))
    }
}

/// Values of a pixel: red, green, blue.
pub const CHANNELS: usize = 3;

/// The cameras of a dataset or a policy and the one size of their pictures, which are RGB, 8 bits a value, rows from
/// top to bottom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLayout {
    /// Names of the cameras, in the order of their pictures.
    pub cameras: Vec<String>,
    /// Height of a picture, pixels.
    pub height: usize,
    /// Width of a picture, pixels.
    pub width: usize,
}

impl ImageLayout {
    /// Bytes of one picture.
    pub fn picture_bytes(&self) -> usize {
        self.height * self.width * CHANNELS
    }

    /// Bytes of one picture of every camera.
    pub fn bytes(&self) -> usize {
        self.cameras.len() * self.picture_bytes()
    }
}

impl std::fmt::Display for ImageLayout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}×{} pixels", self.cameras.join(", "), self.width, self.height)
    }
}

/// Observations and actions of a policy for one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The task's name.
    pub task: String,
    /// Control steps a second, in Hz.
    pub control_rate: f64,
    /// The observation vector.
    pub observation: Layout,
    /// The action vector.
    pub action: Layout,
    /// The pictures seen beside the observation vector, if any. Those of a dataset are in its own features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<ImageLayout>,
}

impl Spec {
    /// Checks that data or a checkpoint made for `self` fits `other`; `place` names the file of `self`.
    ///
    /// # Errors
    /// [`Error::Unexpected`] naming the first thing that differs.
    pub fn check_matches(&self, other: &Spec, place: &str) -> Result<()> {
        let mut found = format!("task `{}`", self.task);
        if (Spec { task: other.task.clone(), ..self.clone() }) == *other {
            // A variant of a task: only its name says that it is another.
            found += &format!(", which fits but for its name (a task file with name = \"{}\" takes it)", self.task);
        }
        Error::ensure(self.task == other.task, place, format!("task `{}`", other.task), found)?;
        for (what, a, b) in
            [("observation", &self.observation, &other.observation), ("action", &self.action, &other.action)]
        {
            Error::ensure(a == b, format!("{place}: {what}"), b, a)?;
        }
        let show = |p: &Option<ImageLayout>| p.as_ref().map_or("none".to_string(), ToString::to_string);
        let (own, others) = (show(&self.pictures), show(&other.pictures));
        Error::ensure(self.pictures == other.pictures, format!("{place}: pictures"), others, own)?;
        let differs = (self.control_rate - other.control_rate).abs() > 1e-9;
        let hz = |spec: &Spec| format!("{} Hz", spec.control_rate);
        Error::ensure(!differs, format!("{place}: control_rate"), hz(other), hz(self))
    }
}

/// Horizons of a chunk policy, in control steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Horizons {
    /// Observations the policy sees (T_obs).
    pub observation: usize,
    /// Actions it generates (T_pred).
    pub prediction: usize,
    /// Actions executed before the next decision (T_act).
    pub action: usize,
}

impl Default for Horizons {
    /// The paper's: 2, 16, 8 (arXiv 2502.12371).
    fn default() -> Self {
        Self { observation: 2, prediction: 16, action: 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_layout_keeps_the_places_of_its_values() {
        let term = |name: &str, size| Term { name: name.into(), size };
        let layout = Layout { terms: vec![term("tip", 2), term("cube", 3), term("finger", 1)] };
        let (part, places) = layout.part(&["finger".into(), "tip".into()]).unwrap();
        assert_eq!((part.terms, places), (vec![term("finger", 1), term("tip", 2)], vec![5, 0, 1]));
        let message = layout.part(&["fingre".into()]).unwrap_err().to_string();
        assert_eq!(message, "unknown observation term `fingre`; did you mean `finger`?");
    }

    #[test]
    fn a_variant_of_a_task_is_told_the_name_that_fits() {
        let spec = |task: &str, rate| Spec {
            task: task.into(),
            control_rate: rate,
            observation: Layout::default(),
            action: Layout::default(),
            pictures: None,
        };
        let told = |rate| spec("stack", rate).check_matches(&spec("stack_placed", 20.0), "c").unwrap_err().to_string();
        assert!(told(20.0).starts_with("c: expected task `stack_placed`, found task `stack`, which fits"));
        assert!(told(20.0).contains("name = \"stack\""));
        assert_eq!(told(10.0), "c: expected task `stack_placed`, found task `stack`");
    }

    #[test]
    fn pictures_of_another_size_are_told() {
        let pictures = |cameras: &str, height| ImageLayout { cameras: vec![cameras.into()], height, width: 96 };
        let mut spec = Spec {
            task: "t".into(),
            control_rate: 10.0,
            observation: Layout::default(),
            action: Layout::default(),
            pictures: Some(pictures("front", 96)),
        };
        let other = spec.clone();
        spec.check_matches(&other, "c").unwrap();
        spec.pictures = Some(pictures("front", 84));
        let message = spec.check_matches(&other, "c").unwrap_err().to_string();
        assert_eq!(message, "c: pictures: expected front of 96×96 pixels, found front of 96×84 pixels");
        let written = toml::to_string(&Spec { pictures: None, ..spec }).unwrap();
        assert!(written.contains("control_rate") && !written.contains("pictures"), "{written}");
    }
}
