//! Markdown tables of reports.
//!
//! By hand rather than by a crate: one line a row without padding, so that a report differs only where a figure does.

/// A table, printed under its title.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Heading above the table; empty for none.
    pub title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells, a row each.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows; an empty `title` prints none.
    pub fn new<S: ToString>(title: &str, columns: &[S]) -> Self {
        Self { title: title.into(), columns: columns.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Lines of Markdown; none without rows.
    pub fn lines(&self) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let mut lines = Vec::new();
        if !self.title.is_empty() {
            lines.extend([format!("### {}", self.title), String::new()]);
        }
        lines.extend([line(&self.columns), format!("|{}", "---|".repeat(self.columns.len()))]);
        lines.extend(self.rows.iter().map(|row| line(row)));
        lines.push(String::new());
        lines
    }
}
