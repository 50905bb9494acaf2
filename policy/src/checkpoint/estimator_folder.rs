//! The name of the folder of an estimator beside the weights of the generator behind it.

/// The beginning of the name of an estimator's folder.
const FOLDER: &str = "estimator-";

/// Name of the folder of the estimator of that fingerprint, beside the generator's weights.
pub(super) fn folder_name(fingerprint: &str) -> String {
    format!("{FOLDER}{fingerprint}")
}

/// Whether a file of that name is the folder of an estimator.
pub(super) fn is_folder(name: &str) -> bool {
    name.strip_prefix(FOLDER).is_some_and(|sum| sum.len() == 8 && sum.bytes().all(|b| b.is_ascii_hexdigit()))
}
