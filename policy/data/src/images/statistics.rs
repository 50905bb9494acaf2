//! Statistics of pictures.

use super::storage::column;
use crate::layout::stats;
use imle_configs::spec::{CHANNELS, ImageLayout};
use serde_json::{Map, Value, json};

/// Statistics of pictures, gathered on the way: exact, since a channel has 256 values.
pub(crate) struct ImageStats<'a> {
    layout: &'a ImageLayout,
    /// Pixels by camera, channel and value.
    counts: Vec<[[u64; 256]; CHANNELS]>,
    frames: usize,
}

impl<'a> ImageStats<'a> {
    pub(crate) fn new(layout: &'a ImageLayout) -> Self {
        Self { layout, counts: vec![[[0; 256]; CHANNELS]; layout.cameras.len()], frames: 0 }
    }

    /// Adds the pictures of an episode, (len, cameras, H, W, 3).
    pub(crate) fn add(&mut self, rgb: &[u8]) {
        let cameras = self.counts.len();
        for (i, picture) in rgb.chunks_exact(self.layout.picture_bytes()).enumerate() {
            for pixel in picture.chunks_exact(CHANNELS) {
                for (channel, value) in pixel.iter().enumerate() {
                    self.counts[i % cameras][channel][usize::from(*value)] += 1;
                }
            }
        }
        self.frames += rgb.len() / self.layout.bytes();
    }

    /// As `stats.json` holds them: of values in [0, 1], shaped (3, 1, 1).
    pub(crate) fn to_json(&self) -> Vec<(String, Value)> {
        let cameras = self.layout.cameras.iter().zip(&self.counts);
        let all = cameras.map(|(camera, channels)| {
            let of_channel: Vec<[f64; 9]> = channels.iter().map(stats::of_counts).collect();
            let mut map: Map<String, Value> = stats::NAMES
                .iter()
                .enumerate()
                .map(|(s, name)| ((*name).to_string(), of_channel.iter().map(|c| json!([[c[s] / 255.0]])).collect()))
                .collect();
            map.insert("count".to_string(), json!([self.frames]));
            (column(camera), Value::Object(map))
        });
        all.collect()
    }
}
