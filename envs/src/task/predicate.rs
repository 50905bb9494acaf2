//! Predicates of a state: comparisons of quantities, joined by `and`, `or`, `not` and parentheses.

use imle_configs::{Error as InputError, Result};

/// Greatest depth of parentheses and `not`.
const DEEPEST: usize = 32;

/// A predicate, such as `reach < 0.02 and (held > 0 or not height > 0.1)`. `and` binds closer than `or`, `not` closest.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Predicate {
    /// The quantity of this index is less than a bound.
    Below(usize, f64),
    /// The quantity of this index is greater than a bound.
    Above(usize, f64),
    /// All hold.
    All(Vec<Predicate>),
    /// One of them holds.
    Any(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
}

impl Predicate {
    /// Parses a predicate of the quantities called `names`.
    ///
    /// # Errors
    /// A bad input.
    pub fn parse(text: &str, names: &[String]) -> Result<Self> {
        let mut parser = Parser { text, tokens: tokens(text), at: 0, names };
        let parsed = parser.any(0)?;
        if parser.at < parser.tokens.len() { Err(parser.malformed()) } else { Ok(parsed) }
    }

    /// Parses a list of predicates of the quantities called `names`.
    ///
    /// # Errors
    /// A bad input.
    pub fn parse_all(texts: &[String], names: &[String]) -> Result<Vec<Self>> {
        texts.iter().map(|t| Self::parse(t, names)).collect()
    }

    /// Whether it holds for the evaluated quantities.
    pub fn holds(&self, values: &[f64]) -> bool {
        match self {
            Self::Below(quantity, bound) => values[*quantity] < *bound,
            Self::Above(quantity, bound) => values[*quantity] > *bound,
            Self::All(of) => of.iter().all(|p| p.holds(values)),
            Self::Any(of) => of.iter().any(|p| p.holds(values)),
            Self::Not(of) => !of.holds(values),
        }
    }

    /// Adds the indices of the quantities it compares.
    pub(crate) fn uses(&self, out: &mut Vec<usize>) {
        match self {
            Self::Below(quantity, _) | Self::Above(quantity, _) => out.push(*quantity),
            Self::All(of) | Self::Any(of) => of.iter().for_each(|p| p.uses(out)),
            Self::Not(of) => of.uses(out),
        }
    }
}

/// Index of the quantity `name` among `names`.
///
/// # Errors
/// A bad input with the nearest names.
pub(super) fn index(names: &[String], name: &str) -> Result<usize> {
    names.iter().position(|n| n == name).ok_or_else(|| InputError::unknown("quantity", name, names))
}

/// Splits text into words and signs.
fn tokens(text: &str) -> Vec<&str> {
    let sign = |c: char| "()<>".contains(c);
    let mut all = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(sign) {
            all.extend([&rest[..at], &rest[at..=at]].into_iter().filter(|t| !t.is_empty()));
            rest = &rest[at + 1..];
        }
        all.extend((!rest.is_empty()).then_some(rest));
    }
    all
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<&'a str>,
    at: usize,
    names: &'a [String],
}

impl Parser<'_> {
    fn malformed(&self) -> InputError {
        let expected = "`QUANTITY < NUMBER` or `QUANTITY > NUMBER`, joined by and, or, not, ( )";
        InputError::unexpected("comparison", expected, format!("`{}`", self.text))
    }

    fn take(&mut self, token: &str) -> bool {
        let there = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(there);
        there
    }

    fn any(&mut self, depth: usize) -> Result<Predicate> {
        let mut of = vec![self.all(depth)?];
        while self.take("or") {
            of.push(self.all(depth)?);
        }
        Ok(if of.len() == 1 { of.remove(0) } else { Predicate::Any(of) })
    }

    fn all(&mut self, depth: usize) -> Result<Predicate> {
        let mut of = vec![self.one(depth)?];
        while self.take("and") {
            of.push(self.one(depth)?);
        }
        Ok(if of.len() == 1 { of.remove(0) } else { Predicate::All(of) })
    }

    fn one(&mut self, depth: usize) -> Result<Predicate> {
        if depth > DEEPEST {
            return Err(self.malformed());
        }
        if self.take("not") {
            return Ok(Predicate::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            return if self.take(")") { Ok(inner) } else { Err(self.malformed()) };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Predicate> {
        let begin = self.at;
        while self.tokens.get(self.at).is_some_and(|t| !["(", ")", "<", ">"].contains(t)) {
            self.at += 1;
        }
        let name = self.tokens[begin..self.at].join(" ");
        let below = self.take("<");
        if !below && !self.take(">") {
            return Err(self.malformed());
        }
        let bound = self.tokens.get(self.at).and_then(|t| t.parse::<f64>().ok()).filter(|b| b.is_finite());
        let bound = bound.ok_or_else(|| self.malformed())?;
        self.at += 1;
        let quantity = index(self.names, &name)?;
        Ok(if below { Predicate::Below(quantity, bound) } else { Predicate::Above(quantity, bound) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["reach", "height", "far away"].map(String::from).to_vec()
    }

    fn holds(text: &str, values: [f64; 3]) -> bool {
        Predicate::parse(text, &names()).unwrap().holds(&values)
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let message = |text: &str| Predicate::parse(text, &names()).unwrap_err().to_string();
        assert!(message("raech < 0.1").contains("`reach`"));
        let malformed = ["reach = 0.1", "reach < ten", "reach <= 1", "reach < nan", "", "reach", "reach < 1 and"];
        let more = ["(reach < 1", "reach < 1)", "not", "< 1", "reach < 1 height > 2", "reach < 1 xor height > 2"];
        for text in malformed.into_iter().chain(more) {
            let message = message(text);
            assert!(message.contains("QUANTITY < NUMBER") || message.contains("unknown quantity"), "{text}: {message}");
        }
        let deep = format!("{}reach < 1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(Predicate::parse(&deep, &names()).is_err());
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        assert!(holds("reach < 1 or height > 5 and height < 0", [0.0, 0.0, 0.0]));
        assert!(!holds("(reach < 1 or height > 5) and height < 0", [0.0, 0.0, 0.0]));
        assert!(holds("not reach < 1 or height < 1", [0.0, 0.0, 0.0]));
        assert!(!holds("not (reach<1 or height<1)", [0.0, 0.0, 0.0]));
        assert!(holds("far away > 2 and not reach>1e-3", [-1.0, 0.0, 3.0]));
    }
}
