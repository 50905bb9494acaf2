//! MP4 (H.264) files that a browser plays.

use crate::error::{Error, Result};
use imle_configs::files::write_atomic;
use muxide::api::{Muxer, MuxerBuilder, VideoCodec};
use openh264::OpenH264API;
use openh264::encoder::{Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode};
use openh264::formats::{RgbSliceU8, YUVBuffer};
use std::path::Path;

/// Encodes pictures as they come; nothing is written before [`Video::finish`].
pub struct Video {
    encoder: Encoder,
    muxer: Muxer<Vec<u8>>,
    yuv: YUVBuffer,
    size: (usize, usize),
    rate: f64,
    frames: usize,
}

impl Video {
    /// A video of (width, height) pixels, both even, at `rate` pictures a second.
    ///
    /// # Errors
    /// [`Error::Video`].
    pub fn new((width, height): (usize, usize), rate: f64) -> Result<Self> {
        let config = EncoderConfig::new()
            .debug(false)
            .max_frame_rate(FrameRate::from_hz(rate as f32))
            .rate_control_mode(RateControlMode::Off)
            .qp(QpRange::new(20, 28))
            .skip_frames(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(60));
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(video)?;
        let builder = MuxerBuilder::new(Vec::new()).video(VideoCodec::H264, width as u32, height as u32, rate);
        let muxer = builder.with_fast_start(true).build().map_err(video)?;
        Ok(Self { encoder, muxer, yuv: YUVBuffer::new(width, height), size: (width, height), rate, frames: 0 })
    }

    /// Adds a picture: RGB rows from top to bottom (height, width, 3).
    ///
    /// # Errors
    /// [`Error::Video`], also for a picture of another size.
    pub fn push(&mut self, rgb: &[u8]) -> Result<()> {
        let (width, height) = self.size;
        if rgb.len() != width * height * 3 {
            return Err(Error::Video(format!(
                "expected {width}x{height} pixels of 3 bytes, found {} bytes",
                rgb.len()
            )));
        }
        self.yuv.read_rgb8(RgbSliceU8::new(rgb, self.size));
        let bits = self.encoder.encode(&self.yuv).map_err(video)?;
        let key = matches!(bits.frame_type(), FrameType::IDR | FrameType::I);
        self.muxer.write_video(self.frames as f64 / self.rate, &bits.to_vec(), key).map_err(video)?;
        self.frames += 1;
        Ok(())
    }

    /// Number of pictures so far.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Video`], or the place cannot be written.
    pub fn finish(self, path: &Path) -> Result<()> {
        let bytes = self.into_bytes()?;
        Ok(write_atomic(path, |w| w.write_all(&bytes))?)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`Error::Video`].
    pub fn into_bytes(mut self) -> Result<Vec<u8>> {
        self.muxer.finish_in_place().map_err(video)?;
        Ok(self.muxer.into_writer())
    }
}

fn video(error: impl std::fmt::Display) -> Error {
    Error::Video(error.to_string().replace('\n', " "))
}
