//! Settings as a TOML file in which each comes with what it means: the doc comments of their types.

use crate::error::{Error, Result};
use crate::settings;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;
use textwrap::{Options, fill};

/// Columns of a comment.
const WIDTH: usize = 100;

/// `settings`, which are some or all of those of `T`, as text that [`settings::load`] takes as a file.
///
/// # Errors
/// [`Error::Unexpected`] if they have no TOML form.
pub fn explained<T: JsonSchema>(settings: &impl Serialize) -> Result<String> {
    let schema = serde_json::to_value(schema_for!(T)).map_err(|e| Error::unexpected("settings", "a schema", e))?;
    let (mut text, mut section) = (String::new(), Vec::new());
    for line in settings::to_toml(settings)?.lines() {
        let header = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let path: Option<Vec<&str>> = match (header, line.split_once(" = ")) {
            (Some(path), _) => {
                section = path.split('.').collect();
                Some(section.clone())
            }
            // What goes on over several lines is indented.
            (None, Some((key, _))) if !key.starts_with(' ') => Some([&section[..], &[key]].concat()),
            _ => None,
        };
        if let Some(comment) = path.and_then(|path| description(&schema, &path)) {
            text += &fill(&plain(comment), Options::new(WIDTH).initial_indent("# ").subsequent_indent("# "));
            text.push('\n');
        }
        text += line;
        text.push('\n');
    }
    Ok(text)
}

/// Description of the property at `path` in the schema.
fn description<'s>(schema: &'s Value, path: &[&str]) -> Option<&'s str> {
    let mut at = schema;
    for (depth, key) in path.iter().enumerate() {
        at = at.get("properties")?.get(key)?;
        if depth + 1 == path.len() {
            return at.get("description")?.as_str();
        }
        if let Some(name) = at.get("$ref").and_then(|r| r.as_str()?.strip_prefix("#/$defs/")) {
            at = schema.get("$defs")?.get(name)?;
        }
    }
    None
}

/// A doc comment without its links: those in brackets of their own are left out, of others the name is kept.
fn plain(comment: &str) -> String {
    let mut text = comment.split_whitespace().collect::<Vec<_>>().join(" ");
    while let Some((begin, length)) = text.find(" ([`").and_then(|b| Some((b, text[b..].find("`])")? + "`])".len()))) {
        text.replace_range(begin..begin + length, "");
    }
    text.replace("[`", "`").replace("`]", "`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// An inner one.
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Inner {
        /// Units of a layer, as [`Outer`] says
        /// elsewhere ([`crate::settings`]).
        width: usize,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Outer {
        /// Number of steps.
        steps: usize,
        /// Several.
        sizes: Vec<usize>,
        /// The network.
        network: Inner,
    }

    #[test]
    fn every_setting_comes_with_its_doc_comment_and_the_text_is_a_file_of_settings() {
        let outer = Outer { steps: 3, sizes: vec![1, 2], network: Inner { width: 7 } };
        let text = explained::<Outer>(&outer).unwrap();
        assert!(text.starts_with("# Number of steps.\nsteps = 3\n# Several.\nsizes = ["), "{text}");
        assert!(
            text.contains("# The network.\n[network]\n# Units of a layer, as `Outer` says elsewhere.\nwidth = 7"),
            "{text}"
        );
        assert_eq!(toml::from_str::<Outer>(&text).unwrap(), outer);
    }
}
