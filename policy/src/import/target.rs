//! The task that an imported policy is to serve.

use imle_configs::spec::{ImageLayout, Spec};

/// The task that an imported policy is to serve.
#[derive(Clone, Debug, Default)]
pub struct ImportTarget {
    /// The task's observation and action; none for a spec made from the policy, with a task named after its folder.
    pub spec: Option<Spec>,
    /// The terms of the spec's observation in the order in which the policy sees them; empty for all in their own
    /// order, or for `beside` where the policy sees pictures. Terms that are not named are not seen.
    pub observation: Vec<String>,
    /// The terms that are seen beside pictures; empty for all.
    pub beside: Vec<String>,
    /// The pictures that the task or dataset has.
    pub pictures: Option<ImageLayout>,
    /// The cameras of these in the order in which the policy sees them; empty for all in their own order.
    pub cameras: Vec<String>,
    /// Control rate of a spec made from the policy, in Hz.
    pub control_rate: f64,
}
