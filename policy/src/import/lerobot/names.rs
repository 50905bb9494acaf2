//! Names of features and files in LeRobot's folders.

pub(super) const STATE: &str = "observation.state";
pub(super) const ENVIRONMENT: &str = "observation.environment_state";
pub(super) const ACTION: &str = "action";
pub(super) const PREPROCESSOR: &str = "policy_preprocessor.json";
