//! Pictures in arrays: the shapes that they have, and the RGB of their frames.

use crate::images::decode;
use imle_configs::spec::{CHANNELS, ImageLayout};

/// Most values of a picture.
pub(super) const LARGEST: usize = 1 << 28;
/// Pictures whose colours may be first or last, in words.
pub(super) const AMBIGUOUS: &str =
    "pictures of (3, height, width) or of (height, width, channels): the shape fits both";

/// An array's frames as pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) pixels: Pixels,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// Order of the values of a picture; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pixels {
    /// (height, width, 3)
    Rgb,
    /// The bytes of a PNG or JPEG, and zeros after them.
    Encoded,
    /// (height, width, 4)
    Rgba,
    /// (3, height, width)
    Planar,
    /// (height, width), with a 1 before or after.
    Grey,
}

impl Picture {
    /// The picture in a frame of this shape, of bytes or of other numbers; those of depth are no bytes.
    pub(super) fn of_shape(shape: &[usize], byte: bool) -> Option<Self> {
        let (pixels, height, width) = match *shape {
            [CHANNELS, _, 1 | 3 | 4] => return None,
            [height, width, CHANNELS] => (Pixels::Rgb, height, width),
            [height, width, 4] if byte => (Pixels::Rgba, height, width),
            [CHANNELS, height, width] => (Pixels::Planar, height, width),
            [height, width] | [height, width, 1] | [1, height, width] if byte && height.min(width) > 1 => {
                (Pixels::Grey, height, width)
            }
            _ => return None,
        };
        let size = shape.iter().try_fold(1_usize, |size, n| size.checked_mul(*n))?;
        (1..=LARGEST).contains(&size).then_some(Self { pixels, height, width })
    }

    /// The picture in a file.
    pub(super) fn of_file(bytes: &[u8]) -> Option<Self> {
        let [height, width] = decode::size(bytes).ok()?;
        Some(Self { pixels: Pixels::Encoded, height, width })
    }

    /// Whether bytes of this shape may be pictures in two ways.
    pub(super) fn is_ambiguous(shape: &[usize]) -> bool {
        matches!(shape, [CHANNELS, _, 1 | 3 | 4])
    }

    /// Description of a valid frame, for a message.
    pub(super) fn expected(self) -> String {
        let (height, width) = (self.height, self.width);
        match self.bytes() {
            Some(bytes) => format!("a picture of {width}x{height} pixels in {bytes} bytes"),
            None => format!("a PNG or JPEG of {width}x{height} pixels"),
        }
    }

    /// Bytes of a frame, unless it is a file.
    fn bytes(self) -> Option<usize> {
        let channels = match self.pixels {
            Pixels::Rgb | Pixels::Planar => CHANNELS,
            Pixels::Rgba => 4,
            Pixels::Grey => 1,
            Pixels::Encoded => return None,
        };
        Some(self.height * self.width * channels)
    }

    /// Writes the RGB of a frame to `out`.
    ///
    /// # Errors
    /// What is found instead, for a message.
    pub(super) fn rgb(self, frame: &[u8], out: &mut [u8]) -> Result<(), String> {
        // Another episode may hold something else under the name.
        if self.bytes().is_some_and(|bytes| bytes != frame.len()) {
            return Err(format!("{} bytes", frame.len()));
        }
        let pixels = out.as_chunks_mut::<CHANNELS>().0;
        match self.pixels {
            Pixels::Rgb => out.copy_from_slice(frame),
            Pixels::Rgba => {
                pixels.iter_mut().zip(frame.as_chunks::<4>().0).for_each(|(to, [r, g, b, _])| *to = [*r, *g, *b]);
            }
            Pixels::Planar => {
                let plane = pixels.len();
                pixels.iter_mut().enumerate().for_each(|(i, to)| *to = [0, 1, 2].map(|c| frame[c * plane + i]));
            }
            Pixels::Grey => pixels.iter_mut().zip(frame).for_each(|(to, grey)| to.fill(*grey)),
            Pixels::Encoded => {
                let layout = ImageLayout { cameras: Vec::new(), height: self.height, width: self.width };
                return decode::decode(frame, &layout, Some(out));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_another_size_is_no_picture() {
        for (shape, bytes) in [(vec![2, 2, 3], 12), (vec![2, 2, 4], 16), (vec![3, 2, 2], 12), (vec![2, 2], 4)] {
            let picture = Picture::of_shape(&shape, true).unwrap();
            let mut out = [0; 12];
            assert_eq!(picture.rgb(&vec![7; bytes], &mut out), Ok(()), "{shape:?}");
            assert_eq!(out, [7; 12]);
            for wrong in [0, 1, bytes - 1, bytes + 1] {
                assert_eq!(picture.rgb(&vec![7; wrong], &mut out), Err(format!("{wrong} bytes")), "{shape:?}");
            }
            assert_eq!(picture.expected(), format!("a picture of 2x2 pixels in {bytes} bytes"));
        }
    }
}
