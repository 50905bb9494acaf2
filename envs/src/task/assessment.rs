//! Assessment of a state by its task: the cost and its terms, solved or lost.

use super::definition::Task;
use super::scratch::Scratch;
use crate::error::{Error, Result};

/// Assessment of one state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// Cost of the state.
    pub cost: f64,
    /// Contribution of each of [`Task::cost_terms`] to the cost; 0 for the residuals of rungs that the state is not on.
    pub terms: Vec<f64>,
    /// The rung, if the cost has any: its index, and how many there are.
    pub rung: Option<(usize, usize)>,
    /// Whether the state is a solved one (the hold time aside).
    pub solved: bool,
    /// Whether the state is a lost one.
    pub lost: bool,
}

impl Task {
    /// Assesses a full integration state.
    ///
    /// # Errors
    /// A state of the wrong size, or one that MuJoCo cannot evaluate.
    ///
    /// ```
    /// let task = imle_envs::task::Task::load("cartpole")?;
    /// let upright = task.assess(&task.state_at(&[0.0, 0.0], &[0.0, 0.0], None)?)?;
    /// let fallen = task.assess(&task.state_at(&[0.0, 3.1], &[0.0, 0.0], None)?)?;
    /// assert!(upright.cost < fallen.cost && upright.terms.len() == task.cost_terms().len());
    /// # Ok::<(), imle_envs::Error>(())
    /// ```
    pub fn assess(&self, state: &[f64]) -> Result<Assessment> {
        self.ask(|Scratch { sim, .. }| {
            sim.set_state(state).map_err(Error::Simulation)?;
            sim.refresh(self.quantities().needs()).map_err(Error::Simulation)?;
            let mut values = vec![0.0; self.quantities().len()];
            self.quantities().evaluate(sim, &mut values);
            let (lost, cost) = (self.lost(&values), self.cost());
            Ok(Assessment {
                cost: if lost { self.failure_cost() } else { cost.value(&values) },
                terms: cost.contributions(&values),
                rung: cost.rung(&values).map(|(index, _)| (index, cost.rung_names().len())),
                solved: self.solved(&values),
                lost,
            })
        })
    }

    /// Names of the terms of the cost: their quantities, each set once, of the terms that always count and then of the
    /// rungs' residuals.
    pub fn cost_terms(&self) -> Vec<String> {
        let names = self.quantities().names();
        let named = |quantities: &[usize]| quantities.iter().map(|q| names[*q].clone()).collect::<Vec<_>>().join(", ");
        self.cost().subjects().into_iter().map(named).collect()
    }

    /// Multiplies the weights of the terms of the cost, in the order of [`cost_terms`](Self::cost_terms); those without
    /// a factor keep theirs.
    ///
    /// # Errors
    /// A bad input: a factor that is negative or not finite.
    pub fn with_cost_factors(mut self, factors: &[f64]) -> Result<Self> {
        self.cost.scale(factors)?;
        Ok(self)
    }
}
