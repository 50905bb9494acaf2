//! Errors of input: one line that names the file, the key, what was expected and what was found.

use std::path::{Path, PathBuf};

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with an input or an output place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb phrase (`read`, `create the folder`).
        action: &'static str,
        /// The system's own reason.
        source: std::io::Error,
    },
    /// A file holds something else than was expected.
    #[error("{place}: expected {expected}, found {found}")]
    Unexpected {
        /// File and key or line, as `FILE: KEY`.
        place: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A name that is not registered or not a key; carries the nearest names there are.
    #[error("{place}unknown {what} `{name}`{}", nearest_hint(near))]
    Unknown {
        /// `FILE: ` or empty.
        place: String,
        /// What was named: `task`, `planner`, `key`…
        what: &'static str,
        /// The name given.
        name: String,
        /// The nearest known names, best first.
        near: Vec<String>,
    },
    /// The output folder or file is there already.
    #[error("{}: exists already; choose another place, remove it, or use --resume where the verb has it", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
}

fn nearest_hint(near: &[String]) -> String {
    match near {
        [] => String::new(),
        names => format!("; did you mean {}?", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ")),
    }
}

impl Error {
    /// An [`Error::Io`] about `path`.
    pub fn io(path: impl AsRef<Path>, action: &'static str, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_path_buf(), action, source }
    }

    /// An [`Error::Unexpected`] about a whole file or one key of it.
    pub fn unexpected(place: impl ToString, expected: impl ToString, found: impl ToString) -> Self {
        Self::Unexpected { place: place.to_string(), expected: expected.to_string(), found: found.to_string() }
    }

    /// An [`Error::Unknown`] with the nearest of `known`.
    pub fn unknown<S: AsRef<str>>(what: &'static str, name: &str, known: impl IntoIterator<Item = S>) -> Self {
        Self::Unknown { place: String::new(), what, name: name.to_string(), near: nearest(name, known) }
    }

    /// The same error, told to be in `file`.
    pub fn in_file(self, file: impl std::fmt::Display) -> Self {
        match self {
            Self::Unknown { place, what, name, near } => {
                Self::Unknown { place: format!("{file}: {place}"), what, name, near }
            }
            Self::Unexpected { place, expected, found } => {
                Self::Unexpected { place: format!("{file}: {place}"), expected, found }
            }
            other => other,
        }
    }
}

/// Up to three of `known`, nearest to `name` first: all of them when few are known and none is near.
pub fn nearest<S: AsRef<str>>(name: &str, known: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut scored: Vec<(f64, String)> = known
        .into_iter()
        .map(|k| (strsim::jaro_winkler(&name.to_lowercase(), &k.as_ref().to_lowercase()), k.as_ref().to_string()))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    if scored.len() > 3 {
        scored.retain(|(score, _)| *score > 0.6);
    }
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_the_nearest() {
        let error = Error::unknown("task", "stak", ["avoid", "lift", "push_t", "stack"]);
        assert_eq!(error.to_string(), "unknown task `stak`; did you mean `stack`?");
        assert_eq!(error.in_file("a.toml").to_string(), "a.toml: unknown task `stak`; did you mean `stack`?");
    }
}
