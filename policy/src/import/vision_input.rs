//! The vision of an imported policy: cameras and encoders, whose parameters are put where ours have them.

use super::{target::ImportTarget, tensors::Tensors};
use crate::vision::EncoderConfig;
use imle_configs::spec::{ImageLayout, Spec};
use imle_configs::{Error, Result};

/// The cameras and encoders of a policy.
pub(super) struct VisionInput {
    /// The policy's own names of its cameras, in its order.
    pub(super) cameras: Vec<String>,
    /// Height and width of its pictures; none if they may be of any size.
    pub(super) size: Option<[usize; 2]>,
    pub(super) encoder: EncoderConfig,
    /// Number of values of an observation before the features of the pictures; the others stand behind.
    pub(super) after: usize,
    pub(super) naming: Naming,
}

/// Names that a kind of policy has for the parameters of its encoders.
pub(super) enum Naming {
    /// As LeRobot's `DiffusionRgbEncoder`: this name, with the camera's number behind it if each has its own.
    LeRobot(&'static str),
    /// As torchvision, behind this and the camera's number.
    Torchvision(&'static str),
}

/// Layers of torchvision's ResNets by their numbers in LeRobot's `nn.Sequential`; 2 and 3 have no parameters.
const LAYERS: [(&str, usize); 6] =
    [("conv1", 0), ("bn1", 1), ("layer1", 4), ("layer2", 5), ("layer3", 6), ("layer4", 7)];
/// Pixels to a place of ResNet18's last feature map.
const STRIDE: usize = 32;

impl VisionInput {
    /// Name of the encoder `index`.
    fn prefix(&self, index: &str) -> String {
        match self.naming {
            Naming::LeRobot(name) if self.encoder.shared => name.into(),
            Naming::LeRobot(name) => format!("{name}.{index}"),
            Naming::Torchvision(name) => format!("{name}{index}"),
        }
    }

    /// The policy's name for our parameter `vision.NAME`.
    pub(super) fn name_of(&self, name: &str) -> String {
        let (index, rest) = name.split_once('.').unwrap_or((name, ""));
        let prefix = self.prefix(index);
        let (layer, parameter) = rest.split_once('.').unwrap_or((rest, ""));
        match (&self.naming, LAYERS.iter().find(|(name, _)| *name == layer)) {
            (Naming::LeRobot(_), Some((_, number))) => format!("{prefix}.backbone.{number}.{parameter}"),
            _ => format!("{prefix}.{rest}"),
        }
    }

    /// Refuses batch normalisation, and takes what our encoders have no tensor for: the places of the feature maps,
    /// which must be ours.
    pub(super) fn take_buffers(&self, tensors: &mut Tensors, pictures: &ImageLayout) -> Result<()> {
        let start = match self.naming {
            Naming::LeRobot(name) | Naming::Torchvision(name) => name,
        };
        if let Some(name) = tensors.names().find(|n| n.starts_with(start) && n.ends_with(".running_mean")) {
            let expected = "group normalisation in the vision network, all that is supported";
            return Err(Error::unexpected(format!("{}: {name}", tensors.place()), expected, "batch normalisation"));
        }
        let Naming::LeRobot(_) = self.naming else { return Ok(()) };
        let [h, w] = self.encoder.kept(pictures).map(|side| side.div_ceil(STRIDE));
        let along = |i: usize, n: usize| 2.0 * i as f32 / (n - 1).max(1) as f32 - 1.0;
        let grid = (0..h * w).flat_map(|i| [along(i % w, w), along(i / w, h)]);
        let encoders = if self.encoder.shared { 1 } else { self.cameras.len() };
        for index in 0..encoders {
            let name = format!("{}.pool.pos_grid", self.prefix(&index.to_string()));
            let found = tensors.take(&name, &[h * w, 2])?;
            if let Some((found, expected)) = found.iter().zip(grid.clone()).find(|(a, b)| (*a - b).abs() > 1e-5) {
                let expected = format!("the places of a map of {h}×{w}, here {expected}");
                return Err(Error::unexpected(format!("{}: {name}", tensors.place()), expected, found));
            }
        }
        Ok(())
    }

    /// The pictures of what is wanted, which must be as the policy's; without a task the policy's own.
    pub(super) fn pictures(&self, wanted: &ImportTarget) -> Result<ImageLayout> {
        let many = |names: &[String]| match names {
            [one] => format!("1 camera: {one}"),
            names => format!("{} cameras: {}", names.len(), names.join(", ")),
        };
        let Some(Spec { task, .. }) = &wanted.spec else {
            let Some([height, width]) = self.size else {
                let expected = "[height, width] of the policy's pictures, or a task or dataset that has such pictures";
                return Err(Error::unexpected("image_shape", expected, "none"));
            };
            let expected = "a task or dataset that has these cameras";
            Error::ensure(wanted.cameras.is_empty(), "--cameras", expected, "none")?;
            return Ok(ImageLayout { cameras: self.cameras.clone(), height, width });
        };
        let Some(there) = &wanted.pictures else {
            let expected = format!("pictures, as the policy sees {}", many(&self.cameras));
            return Err(Error::unexpected(format!("cameras of task {task}"), expected, "none"));
        };
        for (i, name) in wanted.cameras.iter().enumerate() {
            if !there.cameras.contains(name) {
                return Err(Error::unknown("camera", name, &there.cameras));
            }
            let found = format_args!("`{name}` twice");
            Error::ensure(!wanted.cameras[..i].contains(name), "--cameras", "each camera once", found)?;
        }
        let cameras = if wanted.cameras.is_empty() { &there.cameras } else { &wanted.cameras };
        let (place, same) = (format!("cameras of task {task}"), cameras.len() == self.cameras.len());
        let expected = format!("{}, as the policy sees (--cameras names them in its order)", many(&self.cameras));
        Error::ensure(same, &place, expected, many(cameras))?;
        let [height, width] = self.size.unwrap_or([there.height, there.width]);
        let (same, found) =
            ([there.height, there.width] == [height, width], format!("{}×{}", there.width, there.height));
        let expected = format_args!("pictures of {width}×{height} pixels, as the policy sees");
        Error::ensure(same, &place, expected, found)?;
        Ok(ImageLayout { cameras: cameras.clone(), height, width })
    }
}
