//! The choice of columns that make up a vector, as the user names them: `position,velocity[0:2]`.

use super::source::layout_of;
use imle_configs::spec::Layout;
use imle_configs::{Error, Result};
use std::ops::Range;

/// A column of the source, or a range of its values, as a term of the observation or the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Name of the column.
    pub(super) column: String,
    /// Values a frame of the whole column.
    pub(super) width: usize,
    /// Those of them that are taken.
    pub(super) values: Range<usize>,
    /// Name of the term: the column's, with the range if other parts are of that column too.
    pub(super) term: String,
}

impl Part {
    /// All of a column.
    pub(super) fn whole(name: &str, width: usize) -> Self {
        Self { column: name.to_string(), width, values: 0..width, term: name.to_string() }
    }
}

/// The parts that `asked` names among the columns `known`, (name, values a frame); `flag` says whose they are.
///
/// # Errors
/// [`Error::Unknown`] with the nearest names; [`Error::Unexpected`] for a range outside its column, a column without
/// values, or the same part twice.
pub(super) fn choose<'a>(
    flag: &str,
    asked: &[String],
    known: impl Iterator<Item = (&'a str, usize)> + Clone,
) -> Result<Vec<Part>> {
    let find = |name: &str| known.clone().find(|(known, _)| *known == name);
    let mut parts: Vec<Part> = Vec::new();
    for text in asked.iter().map(|t| t.trim()) {
        // A column may have brackets in its name.
        let ranged = text.strip_suffix(']').and_then(|t| t.rsplit_once('[')).filter(|_| find(text).is_none());
        let name = ranged.map_or(text, |(name, _)| name.trim_end());
        let unknown = || Error::unknown("column", name, known.clone().map(|(name, _)| name)).in_file(flag);
        let (name, width) = find(name).ok_or_else(unknown)?;
        let values = ranged.map_or(Some(0..width), |(_, range)| parse(range, width));
        let Some(values) = values.filter(|v| v.start < v.end && v.end <= width) else {
            let expected = format!("a range within its {width} values, like {name}[0:{width}]");
            return Err(Error::unexpected(flag, expected, format!("`{text}`")));
        };
        let part = Part { values, ..Part::whole(name, width) };
        Error::ensure(!parts.contains(&part), flag, "each part once", format!("`{text}` twice"))?;
        parts.push(part);
    }
    let columns: Vec<String> = parts.iter().map(|p| p.column.clone()).collect();
    for part in &mut parts {
        if columns.iter().filter(|c| **c == part.column).count() > 1 {
            part.term = format!("{}_{}_{}", part.column, part.values.start, part.values.end);
        }
    }
    Ok(parts)
}

/// `FROM:TO`, either of which may be absent.
fn parse(range: &str, width: usize) -> Option<Range<usize>> {
    let (from, to) = range.split_once(':')?;
    let end = |text: &str, absent| if text.trim().is_empty() { Some(absent) } else { text.trim().parse().ok() };
    Some(end(from, 0)?..end(to, width)?)
}

/// The layout of a vector of these parts.
pub(super) fn layout(parts: &[Part]) -> Layout {
    layout_of(parts.iter().map(|p| (p.term.clone(), p.values.len())))
}

/// Rows of a vector: `columns` holds, for each part, all values of its column, (len, width), row-major.
///
/// # Errors
/// [`Error::Unexpected`] about `place` and a column of another length.
pub(super) fn joined(place: &str, parts: &[Part], columns: &[Vec<f32>], len: usize) -> Result<Vec<f32>> {
    for (part, values) in parts.iter().zip(columns) {
        let fits = len.checked_mul(part.width) == Some(values.len());
        let expected = format!("{len} frames of {} values", part.width);
        Error::ensure(fits, format!("{place}: {}", part.column), expected, format!("{} values", values.len()))?;
    }
    let of = |t: usize, p: &Part| t * p.width + p.values.start..t * p.width + p.values.end;
    let row = |t| parts.iter().zip(columns).flat_map(move |(p, v)| v[of(t, p)].iter().copied());
    Ok((0..len).flat_map(row).collect())
}

/// A note on columns that are not taken, each as its name and what it is, and how to take them, or why not.
pub(super) fn left_out(columns: &[String], how: &str) -> Option<String> {
    (!columns.is_empty()).then(|| format!("left out: {}: {how}", columns.join(", ")))
}

/// Advice on how to take the columns `names` as well as `parts`: `--observation state,keypoint takes it`.
pub(super) fn takes(flag: &str, parts: &[Part], names: &[String]) -> String {
    let [name] = names else { return format!("{flag} with their names takes them") };
    let mut all: Vec<&str> = parts.iter().map(|p| p.column.as_str()).collect();
    all.dedup();
    match all.len() {
        0..=4 => format!("{flag} {},{name} takes it", all.join(",")),
        _ => format!("{flag} with its name and those of the others takes it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(asked: &str) -> Result<Vec<Part>> {
        let asked: Vec<String> = asked.split(',').map(String::from).collect();
        choose("--observation", &asked, [("q", 3), ("key[0]", 2), ("none", 0)].into_iter())
    }

    #[test]
    fn parts_of_columns_become_terms() {
        let parts = chosen("key[0], q[1:3]").unwrap();
        let rows = joined("f", &parts, &[vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0, 9.0, 10.0]], 2).unwrap();
        assert_eq!(rows, [1.0, 2.0, 6.0, 7.0, 3.0, 4.0, 9.0, 10.0]);
        assert_eq!(layout(&parts).to_string(), "4 values (key[0][2] q[2])");
        assert_eq!(layout(&chosen("q[2:],q[:1]").unwrap()).to_string(), "2 values (q_2_3[1] q_0_1[1])");
        assert!(joined("f", &parts, &[vec![1.0; 4], vec![5.0; 5]], 2).is_err());
    }

    #[test]
    fn what_is_no_part_is_told() {
        for (asked, part) in [
            ("qq", "--observation: unknown column `qq`"),
            ("q[0:4]", "a range within its 3 values, like q[0:3], found `q[0:4]`"),
            ("q[1:1]", "found `q[1:1]`"),
            ("q[2]", "found `q[2]`"),
            ("q[a:b]", "found `q[a:b]`"),
            ("q[0:99999999999999999999999]", "within"),
            ("q,q", "`q` twice"),
            ("none", "found `none`"),
            ("", "unknown column ``"),
        ] {
            let message = chosen(asked).unwrap_err().to_string();
            assert!(message.contains(part) && message.starts_with("--observation: "), "{message}");
        }
    }
}
