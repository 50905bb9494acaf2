//! Errors of input: one line that names the file, the key, what was expected and what was found.

use std::path::{Path, PathBuf};

/// Prefix of the names of unfinished files and folders; a kill leaves them behind.
pub(crate) const UNFINISHED: &str = ".writing-";

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of input files, settings and output places.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Action that failed, as a verb phrase (`read`, `create the folder`).
        action: &'static str,
        /// The system's own reason.
        source: std::io::Error,
    },
    /// A file holds something else than was expected.
    #[error("{place}: expected {expected}, found {found}")]
    Unexpected {
        /// File and key or line, as `FILE: KEY`.
        place: String,
        /// Expected value.
        expected: String,
        /// Value found.
        found: String,
    },
    /// A name that is not registered or not a key; carries the nearest names there are.
    #[error("{place}unknown {what} `{name}`{near}")]
    Unknown {
        /// `FILE: ` or empty.
        place: String,
        /// Kind of name: `task`, `optimizer`, `key`…
        what: &'static str,
        /// The name given.
        name: String,
        /// Nearest known names, as the end of the message.
        near: String,
    },
    /// The output folder or file is there already.
    #[error("{}: exists already; choose another place, remove it, or use --resume where the command has it", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
}

impl Error {
    /// An [`Error::Io`] about `path`; a folder that is being written goes without its passing name.
    pub fn io(path: impl AsRef<Path>, action: &'static str, source: std::io::Error) -> Self {
        let lasting = |part: &std::path::Component<'_>| !part.as_os_str().to_string_lossy().starts_with(UNFINISHED);
        Self::Io { path: path.as_ref().components().filter(lasting).collect(), action, source }
    }

    /// An [`Error::Unexpected`] about a whole file or one key of it. A long value is cut.
    pub fn unexpected(place: impl ToString, expected: impl ToString, found: impl ToString) -> Self {
        Self::Unexpected { place: place.to_string(), expected: expected.to_string(), found: cut(found.to_string()) }
    }

    /// Nothing where `holds`, else an [`Error::Unexpected`].
    ///
    /// # Errors
    /// [`Error::Unexpected`].
    pub fn ensure(holds: bool, place: impl ToString, expected: impl ToString, found: impl ToString) -> Result<()> {
        if holds { Ok(()) } else { Err(Self::unexpected(place, expected, found)) }
    }

    /// Nothing where all `values` are finite, else an [`Error::Unexpected`] that names the first that is not.
    ///
    /// # Errors
    /// [`Error::Unexpected`].
    pub fn finite<T: Copy + Into<f64>>(place: &str, values: &[T]) -> Result<()> {
        let values = values.iter().map(|v| (*v).into());
        match values.enumerate().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((index, value)) => Err(Self::unexpected(format!("{place}[{index}]"), "a finite number", value)),
        }
    }

    /// An [`Error::Unknown`] with the nearest of `known`.
    pub fn unknown<S: AsRef<str>>(what: &'static str, name: &str, known: impl IntoIterator<Item = S>) -> Self {
        Self::Unknown { place: String::new(), what, name: cut(name.to_string()), near: nearest(name, known) }
    }

    /// Whether the user's input is at fault (exit code 2) rather than the run (exit code 1), as with a full disk.
    pub fn is_input(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, OutOfMemory, QuotaExceeded, StorageFull, WriteZero};
        let full = [FileTooLarge, OutOfMemory, QuotaExceeded, StorageFull, WriteZero];
        !matches!(self, Self::Io { source, .. } if full.contains(&source.kind()))
    }

    /// The same error, located in `file`.
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

/// A text of at most 300 characters: one that is longer loses its middle.
fn cut(text: String) -> String {
    const SHOWN: usize = 300;
    let length = text.chars().count();
    if length <= SHOWN {
        return text;
    }
    let part = |from: usize| text.chars().skip(from).take(SHOWN / 2).collect::<String>();
    format!("{} … {}", part(0), part(length - SHOWN / 2))
}

/// The value called `name` among `known`.
///
/// # Errors
/// [`Error::Unknown`] with the nearest names.
pub fn by_name<T: Copy>(what: &'static str, name: &str, known: &[(&str, T)]) -> Result<T> {
    let found = known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    found.ok_or_else(|| Error::unknown(what, name, known.iter().map(|(known, _)| known)))
}

/// The end of a message about an unknown `name`: up to three of `known` that are like it, the likest first; if there
/// are none, the first of those there are, and how many more.
pub fn nearest<S: AsRef<str>>(name: &str, known: impl IntoIterator<Item = S>) -> String {
    /// Least similarity of a name that may have been meant, and how far behind the best others may be.
    const LEAST: f64 = 0.65;
    const BEHIND: f64 = 0.12;
    const SHOWN: usize = 12;
    // The one sees common beginnings, the other letters that changed places in a short word.
    let likeness = |k: &str| {
        let (name, k) = (name.to_lowercase(), k.to_lowercase());
        strsim::jaro_winkler(&name, &k).max(strsim::normalized_damerau_levenshtein(&name, &k))
    };
    let mut scored: Vec<(f64, String)> =
        known.into_iter().map(|k| (likeness(k.as_ref()), k.as_ref().to_string())).collect();
    let quoted = |names: &[(f64, String)], between: &str| {
        names.iter().map(|(_, name)| format!("`{name}`")).collect::<Vec<_>>().join(between)
    };
    let best = scored.iter().map(|(score, _)| *score).fold(0.0, f64::max);
    if best < LEAST {
        let (shown, more) = scored.split_at(scored.len().min(SHOWN));
        return match (shown, more.len()) {
            ([], _) => "; there is none".into(),
            (shown, 0) => format!("; there is {}", quoted(shown, ", ")),
            (shown, more) => format!("; there is {} and {more} more", quoted(shown, ", ")),
        };
    }
    scored.retain(|(score, _)| *score >= LEAST.max(best - BEHIND));
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    format!("; did you mean {}?", quoted(&scored[..scored.len().min(3)], " or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_and_a_full_disk_is_no_bad_input() {
        let error = Error::unexpected("x", "a name", "a".repeat(200) + &"ü".repeat(1000)).to_string();
        assert!(error.chars().count() < 340 && error.contains("aa … üü"), "{error}");
        assert!(Error::unknown("task", &"x".repeat(9999), ["stack"]).to_string().len() < 400);
        let io = |kind: std::io::ErrorKind| Error::io("x", "write", kind.into()).is_input();
        assert!(io(std::io::ErrorKind::PermissionDenied) && !io(std::io::ErrorKind::StorageFull));
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        Error::finite("state", &[0.0, -1e300]).unwrap();
        let error = Error::finite("action", &[0.5f32, f32::NEG_INFINITY, f32::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "action[1]: expected a finite number, found -inf");
    }

    #[test]
    fn unknown_names_the_nearest() {
        let error = Error::unknown("task", "stak", ["avoid", "lift", "push_t", "stack"]);
        assert_eq!(error.to_string(), "unknown task `stak`; did you mean `stack`?");
        assert_eq!(error.in_file("a.toml").to_string(), "a.toml: unknown task `stak`; did you mean `stack`?");
        let mismatch = Error::unknown("mismatch", "heavyy", ["delayed", "heavy", "weak"]);
        assert_eq!(mismatch.to_string(), "unknown mismatch `heavyy`; did you mean `heavy`?");
        let far = Error::unknown("algorithm", "ppo", ["expert-iteration"]);
        assert_eq!(far.to_string(), "unknown algorithm `ppo`; there is `expert-iteration`");
        let many = Error::unknown("key", "zzz", (0..14).map(|i| format!("a{i}")));
        assert!(many.to_string().ends_with("`a11` and 2 more"), "{many}");
        let none: [&str; 0] = [];
        assert_eq!(Error::unknown("mode", "x", none).to_string(), "unknown mode `x`; there is none");
    }
}
