//! Cells of the report's tables as text.

use super::args::Protocol;
use imle_cli::output::percent;

/// Words for a protocol.
pub fn protocol_text(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::EqualSteps => "equal steps",
        Protocol::EqualTime => "equal time",
        Protocol::Best => "its best setting",
    }
}

/// `1.23`, or `open`.
pub fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("open".into(), |v| format!("{v:.digits$}"))
}

/// `12.3 %`, or `open`.
pub fn share(value: Option<f64>) -> String {
    value.map_or("open".into(), percent)
}

/// `12.3 % [12, 34]`.
pub fn share_within(share: f64, [low, high]: [f64; 2]) -> String {
    format!("{} [{:.0}, {:.0}]", percent(share), 100.0 * low, 100.0 * high)
}
