//! Derivatives along a rollout: how its states and its cost change with its actions.

/// A linear model of the dynamics and a quadratic one of the cost around a trajectory of T control steps.
///
/// With δx_t the change of the state before step t (n coordinates of a tangent space of the simulator's choice, nothing
/// at t = 0), δa_t that of its action in halves of the action's range (A), and z_t = (δx_t, δa_t): δx_{t+1} ≈ F_t z_t,
/// and the part of the objective J that is due to step t changes by about g_t·z_t + ½ z_tᵀ H_t z_t.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derivatives {
    /// T, control steps.
    pub steps: usize,
    /// n, coordinates of a state.
    pub states: usize,
    /// A, length of an action.
    pub actions: usize,
    /// Columns of F_t, (T, n + A, n): by each coordinate of z in turn.
    pub dynamics: Vec<f64>,
    /// g_t, (T, n + A).
    pub gradient: Vec<f64>,
    /// H_t, (T, n + A, n + A), symmetric and positive semi-definite.
    pub hessian: Vec<f64>,
    /// Physics steps that it took.
    pub physics_steps: u64,
}

impl Derivatives {
    /// Gives everything its size, and the value 0: states that nothing moves, a cost that nothing changes.
    pub fn clear(&mut self, steps: usize, states: usize, actions: usize) {
        let both = states + actions;
        *self = Self {
            dynamics: zeros(std::mem::take(&mut self.dynamics), steps * both * states),
            gradient: zeros(std::mem::take(&mut self.gradient), steps * both),
            hessian: zeros(std::mem::take(&mut self.hessian), steps * both * both),
            steps,
            states,
            actions,
            physics_steps: 0,
        };
    }
}

/// `size` zeros where there was something else.
fn zeros(mut values: Vec<f64>, size: usize) -> Vec<f64> {
    values.clear();
    values.resize(size, 0.0);
    values
}
