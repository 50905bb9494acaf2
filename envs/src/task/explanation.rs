//! Words for what keeps a state from being solved, and for why it is lost.

use super::definition::Task;
use super::predicate::Predicate;
use super::quantities::Quantities;

impl Task {
    /// Says what the evaluated quantities lack of a solved state, a line for each predicate that does not hold, as
    /// `apart is 0.031 m, below 0.02 needed`. None for a solved state (the hold time aside).
    pub fn unmet(&self, values: &[f64]) -> Vec<String> {
        self.success.iter().filter_map(|p| lacks(p, values, self.quantities())).collect()
    }

    /// Says why the evaluated quantities are those of a lost state, a line for each predicate that holds, as
    /// `tilt is 0.9 rad, above 0.5`.
    pub fn lost_by(&self, values: &[f64]) -> Vec<String> {
        self.failure.iter().filter_map(|p| shows(p, values, self.quantities())).collect()
    }
}

/// Says what keeps a predicate from holding; nothing if it holds.
fn lacks(predicate: &Predicate, values: &[f64], of: &Quantities) -> Option<String> {
    match predicate {
        holding if holding.holds(values) => None,
        Predicate::Below(i, bound) => Some(format!("{}, below {} needed", told(*i, values, of), rounded(*bound))),
        Predicate::Above(i, bound) => Some(format!("{}, above {} needed", told(*i, values, of), rounded(*bound))),
        Predicate::All(all) => all.iter().find_map(|p| lacks(p, values, of)),
        Predicate::Any(any) => Some(any.iter().filter_map(|p| lacks(p, values, of)).collect::<Vec<_>>().join(", or ")),
        Predicate::Not(inner) => shows(inner, values, of).map(|shown| format!("{shown}: not allowed")),
    }
}

/// Says why a predicate holds; nothing if it does not.
fn shows(predicate: &Predicate, values: &[f64], of: &Quantities) -> Option<String> {
    match predicate {
        failing if !failing.holds(values) => None,
        Predicate::Below(i, bound) => Some(format!("{}, below {}", told(*i, values, of), rounded(*bound))),
        Predicate::Above(i, bound) => Some(format!("{}, above {}", told(*i, values, of), rounded(*bound))),
        Predicate::All(all) => Some(all.iter().filter_map(|p| shows(p, values, of)).collect::<Vec<_>>().join(", ")),
        Predicate::Any(any) => any.iter().find_map(|p| shows(p, values, of)),
        Predicate::Not(inner) => lacks(inner, values, of),
    }
}

/// A quantity with its value and unit, as `apart is 0.031 m`.
fn told(index: usize, values: &[f64], of: &Quantities) -> String {
    let unit = of.units()[index];
    let space = if unit.is_empty() { "" } else { " " };
    format!("{} is {}{space}{unit}", of.names()[index], rounded(values[index]))
}

/// A number to three digits, without zeros at its end.
fn rounded(value: f64) -> String {
    let digits = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let places = (2.0 - digits).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsolved_state_is_told_by_the_predicates_it_fails() {
        let task = Task::load("stack").unwrap();
        let index = |name: &str| task.quantities().index(name).unwrap();
        let mut values = vec![0.0; task.quantities().len()];
        for (name, value) in [("apart", 0.01), ("above", 0.04), ("finger", 0.04), ("reach", 0.1)] {
            values[index(name)] = value;
        }
        assert!(task.unmet(&values).is_empty() && task.solved(&values));
        values[index("apart")] = 0.03125;
        values[index("finger")] = 0.02;
        assert_eq!(task.unmet(&values), ["apart is 0.0312 m, below 0.02 needed", "finger is 0.02, above 0.026 needed"]);
        assert!(task.lost_by(&values).is_empty());
    }

    #[test]
    fn joined_predicates_are_told_by_what_decides() {
        let task = Task::load("stack").unwrap();
        let of = task.quantities();
        let parse = |text: &str| Predicate::parse(text, of.names()).unwrap();
        let mut values = vec![0.0; of.len()];
        values[of.index("reach").unwrap()] = 12.0;
        values[of.index("height").unwrap()] = 1234.5;
        let lacking = |text: &str| lacks(&parse(text), &values, of);
        assert_eq!(
            lacking("reach < 1 or height < 2").unwrap(),
            "reach is 12 m, below 1 needed, or height is 1234 m, below 2 needed"
        );
        assert_eq!(lacking("height > 2 and reach < 1").unwrap(), "reach is 12 m, below 1 needed");
        assert_eq!(lacking("not reach > 1").unwrap(), "reach is 12 m, above 1: not allowed");
        assert_eq!(lacking("not (reach < 1 or height < 1)"), None);
        assert_eq!(
            shows(&parse("not reach < 1 and height > 1"), &values, of).unwrap(),
            "reach is 12 m, below 1 needed, height is 1234 m, above 1"
        );
        assert_eq!([0.0, -0.5, 1e-9, 99.96].map(rounded), ["0", "-0.5", "0", "100"]);
    }
}
