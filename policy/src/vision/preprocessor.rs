//! Preprocessing of pictures: cut out, in training shifted and recoloured, and normalised.
//!
//! In training every camera of every state gets one crop, one shift and one set of colour factors, the same for all T_obs pictures
//! of its history, so that what moves between them is what moved in the world. They come from the stream of (seed,
//! `Augmentation`, state, step, camera). Factors of brightness, contrast and saturation are those of torchvision's
//! `ColorJitter`, applied in this order.

use super::{config::EncoderConfig, one_or_many::OneOrMany};
use crate::error::{Error, Result};
use imle_configs::seed::{Purpose, stream};
use imle_configs::spec::{CHANNELS, Horizons, ImageLayout};
use rand::Rng;
use tch::{Device, Kind, Tensor};

/// Shares of red, green and blue in the grey of a pixel (ITU-R BT.601, as torchvision has them).
const GREY: [f32; CHANNELS] = [0.2989, 0.587, 0.114];

/// Prepares histories of pictures, (T_obs, cameras, H, W, 3) bytes each.
#[derive(Clone, Debug)]
pub struct Preprocessor {
    steps: usize,
    cameras: usize,
    size: [usize; 2],
    kept: [usize; 2],
    shift: usize,
    colour_jitter: f64,
    /// Of all cameras, or one a camera.
    mean: Vec<[f32; CHANNELS]>,
    std: Vec<[f32; CHANNELS]>,
}

/// Where the picture of a camera is cut out, which may be beyond its edge, and its factors of brightness, contrast and
/// saturation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Draw {
    corner: [isize; 2],
    factors: [f32; 3],
}

fn single(colours: &OneOrMany<[f64; CHANNELS]>) -> Vec<[f32; CHANNELS]> {
    colours.values().iter().map(|colour| colour.map(|x| x as f32)).collect()
}

impl Preprocessor {
    /// For pictures of `pictures` at each of the T_obs steps of `horizons`.
    pub fn new(config: &EncoderConfig, horizons: Horizons, pictures: &ImageLayout) -> Self {
        Self {
            steps: horizons.observation,
            cameras: pictures.cameras.len(),
            size: [pictures.height, pictures.width],
            kept: config.kept(pictures),
            shift: config.shift,
            colour_jitter: config.colour_jitter,
            mean: single(&config.mean),
            std: single(&config.std),
        }
    }

    /// Bytes of a history.
    fn bytes(&self) -> usize {
        self.steps * self.cameras * self.size[0] * self.size[1] * CHANNELS
    }

    /// The middles of B histories: (B, T_obs, cameras, h, w, 3), f32, normalised. Where they cannot be in the middle
    /// they are where torchvision's `CenterCrop` has them: half a pixel is rounded to an even one.
    ///
    /// # Errors
    /// [`Error::Argument`] for bytes of another number; [`Error::Torch`].
    pub fn centred(&self, pictures: &[u8], device: Device) -> Result<Tensor> {
        let middle = |side: usize, kept: usize| ((side - kept) as f64 / 2.0).round_ties_even() as isize;
        let corner = [0, 1].map(|i| middle(self.size[i], self.kept[i]));
        let cut = self.cut(pictures, &mut |_, _| corner)?;
        self.normalized(self.unit(&cut, device)?)
    }

    /// Random parts of B histories, recoloured, for training step `step` of `seed`; shaped as
    /// [`centred`](Self::centred).
    ///
    /// # Errors
    /// As [`centred`](Self::centred).
    pub fn augmented(&self, pictures: &[u8], seed: u64, step: u64, device: Device) -> Result<Tensor> {
        let rows = pictures.len() / self.bytes().max(1);
        let draws: Vec<Draw> = (0..rows * self.cameras)
            .map(|i| self.draw(seed, (i / self.cameras) as u64, step, (i % self.cameras) as u64))
            .collect();
        let cut = self.cut(pictures, &mut |row, camera| draws[row * self.cameras + camera].corner)?;
        let x = self.unit(&cut, device)?;
        if self.colour_jitter == 0.0 {
            return self.normalized(x);
        }
        let factor = |i: usize| -> Result<Tensor> {
            let factors: Vec<f32> = draws.iter().map(|d| d.factors[i]).collect();
            let shape = [rows as i64, 1, self.cameras as i64, 1, 1, 1];
            Ok(Tensor::f_from_slice(&factors)?.f_view(shape)?.f_to_device(device)?)
        };
        let weights = Tensor::f_from_slice(&GREY)?.f_view([CHANNELS as i64, 1])?.f_to_device(device)?;
        let bright = x.f_mul(&factor(0)?)?.f_clamp_(0.0, 1.0)?;
        let grey = bright.f_matmul(&weights)?;
        let mean = grey.f_mean_dim([3i64, 4].as_slice(), true, Kind::Float)?;
        let contrasted = mean.f_lerp_tensor(&bright, &factor(1)?)?.f_clamp_(0.0, 1.0)?;
        let grey = contrasted.f_matmul(&weights)?;
        let saturated = grey.f_lerp_tensor(&contrasted, &factor(2)?)?.f_clamp_(0.0, 1.0)?;
        self.normalized(saturated)
    }

    fn draw(&self, seed: u64, row: u64, step: u64, camera: u64) -> Draw {
        let mut rng = stream(seed, Purpose::Augmentation, row, step, camera);
        let mut corner = [0, 1].map(|i| rng.random_range(0..=self.size[i] - self.kept[i]) as isize);
        let factors = [(); 3].map(|()| (1.0 + self.colour_jitter * (2.0 * rng.random::<f64>() - 1.0)) as f32);
        if self.shift > 0 {
            let most = self.shift as i64;
            corner.iter_mut().for_each(|at| *at += rng.random_range(-most..=most) as isize);
        }
        Draw { corner, factors }
    }

    /// The kept part of every picture, whose upper left corner `corner` gives by row and camera. Beyond the edge of a
    /// picture its edge is repeated.
    fn cut(&self, pictures: &[u8], corner: &mut dyn FnMut(usize, usize) -> [isize; 2]) -> Result<Vec<u8>> {
        let [height, width] = self.size;
        if self.bytes() == 0 || !pictures.len().is_multiple_of(self.bytes()) {
            let expected = format!("(B, {}, {}, {height}, {width}, {CHANNELS}) bytes", self.steps, self.cameras);
            return Err(Error::argument("vision::Preprocessor", "pictures", expected, pictures.len()));
        }
        let mut out = Vec::with_capacity(pictures.len());
        for (i, picture) in pictures.chunks_exact(height * width * CHANNELS).enumerate() {
            let [top, left] = corner(i / (self.steps * self.cameras), i % self.cameras);
            let within = |at: isize, side: usize| at.clamp(0, side as isize - 1) as usize;
            let whole = left >= 0 && left as usize + self.kept[1] <= width;
            for y in 0..self.kept[0] as isize {
                let row = &picture[within(top + y, height) * width * CHANNELS..][..width * CHANNELS];
                if whole {
                    out.extend_from_slice(&row[left as usize * CHANNELS..][..self.kept[1] * CHANNELS]);
                    continue;
                }
                for x in 0..self.kept[1] as isize {
                    out.extend_from_slice(&row[within(left + x, width) * CHANNELS..][..CHANNELS]);
                }
            }
        }
        Ok(out)
    }

    /// Bytes as values in [0, 1].
    fn unit(&self, cut: &[u8], device: Device) -> Result<Tensor> {
        let [height, width] = self.kept.map(|n| n as i64);
        let shape = [-1, self.steps as i64, self.cameras as i64, height, width, CHANNELS as i64];
        let bytes = Tensor::f_from_slice(cut)?.f_view(shape)?.f_to_device(device)?;
        Ok(bytes.f_to_kind(Kind::Float)?.f_div_scalar_(255.0)?)
    }

    fn normalized(&self, mut x: Tensor) -> Result<Tensor> {
        let of = |colours: &[[f32; CHANNELS]]| -> Result<Tensor> {
            let shape = [colours.len() as i64, 1, 1, CHANNELS as i64];
            Ok(Tensor::f_from_slice(colours.as_flattened())?.f_view(shape)?.f_to_device(x.device())?)
        };
        let (mean, std) = (of(&self.mean)?, of(&self.std)?);
        Ok(x.f_sub_(&mean)?.f_div_(&std)?)
    }
}
