//! Names of the scripted experts.

use imle_configs::{Error as InputError, Result};

/// A scripted expert. The registry gives it its modes, its behaviour and its labeller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpertKind {
    /// `avoid`
    Avoid,
    /// `block_push`
    BlockPush,
    /// `cartpole`
    Cartpole,
    /// `cylinder_push`
    CylinderPush,
    /// `kitchen`
    Kitchen,
    /// `lift`
    Lift,
    /// `pick_place`
    PickPlace,
    /// `push_t`
    PushT,
    /// `square`
    Square,
    /// `stack`
    Stack,
}

impl ExpertKind {
    /// All experts with the names that task files use.
    const ALL: [(&'static str, Self); 10] = [
        ("avoid", Self::Avoid),
        ("block_push", Self::BlockPush),
        ("cartpole", Self::Cartpole),
        ("cylinder_push", Self::CylinderPush),
        ("kitchen", Self::Kitchen),
        ("lift", Self::Lift),
        ("pick_place", Self::PickPlace),
        ("push_t", Self::PushT),
        ("square", Self::Square),
        ("stack", Self::Stack),
    ];

    /// Finds the expert called `name`.
    ///
    /// # Errors
    /// A bad input with the nearest names.
    pub fn by_name(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|(n, _)| *n == name).map(|(_, expert)| expert);
        known.ok_or_else(|| InputError::unknown("expert", name, Self::ALL.map(|(n, _)| n)))
    }
}
