//! The steps since the last line of the log, whose means the next one holds.

use super::observer::TrainMetrics;
use super::trainer::StepReport;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Sums over the steps since the last line of the log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Window {
    steps: u64,
    losses: u64,
    loss: f64,
    grad_norm: f64,
    learning_rate: f64,
    /// JSON has no number for one that is not finite.
    parts: Vec<(String, Option<f64>)>,
    seconds: f64,
}

impl Window {
    pub(super) fn add(&mut self, report: StepReport, time: Duration) {
        self.steps += 1;
        self.seconds += time.as_secs_f64();
        self.learning_rate = report.learning_rate;
        if let (Some(loss), true) = (report.loss, report.updated) {
            self.losses += 1;
            self.loss += loss;
            self.grad_norm += report.grad_norm;
        }
        for (name, value) in report.parts {
            let value = Some(value).filter(|value| value.is_finite());
            match self.parts.iter_mut().find(|(n, _)| *n == name) {
                Some((_, sum)) => *sum = sum.zip(value).map(|(sum, value)| sum + value),
                None => self.parts.push((name.to_string(), value)),
            }
        }
    }

    /// The means; a loss of NaN if no step had one.
    pub(super) fn means(self) -> TrainMetrics {
        let (steps, losses) = (self.steps.max(1) as f64, self.losses as f64);
        TrainMetrics {
            loss: self.loss / losses,
            grad_norm: self.grad_norm / losses,
            learning_rate: self.learning_rate,
            parts: self.parts.into_iter().map(|(name, sum)| (name, sum.map_or(f64::NAN, |sum| sum / steps))).collect(),
            steps_per_second: self.steps as f64 / self.seconds.max(1e-9),
            ..TrainMetrics::default()
        }
    }
}
