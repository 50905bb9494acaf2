//! Words on a picture.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Opacity of the band behind the words, of 255.
const BAND: u32 = 170;
/// Stands for characters that the font lacks.
const UNKNOWN: char = '?';

/// Text at the bottom of a picture: a band of one line, and lines above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caption {
    /// At the left of the band.
    pub left: String,
    /// At its right, which comes first where both do not fit; then the middle.
    pub right: String,
    /// In its middle, if there is room.
    pub middle: String,
    /// A message above the band, broken into lines where it is too long.
    pub message: String,
    /// Colour of the message: red, green, blue.
    pub colour: [u8; 3],
}

/// Size of the words for pictures of a height.
#[derive(Clone, Copy)]
struct Size {
    raster: RasterHeight,
    /// Pixels of the picture for one of the font, along each side.
    times: usize,
}

impl Size {
    fn of(height: usize) -> Self {
        let raster = match height {
            ..540 => RasterHeight::Size16,
            540..700 => RasterHeight::Size20,
            700..900 => RasterHeight::Size24,
            _ => RasterHeight::Size32,
        };
        Self { raster, times: (height / 1000).max(1) }
    }

    fn column(self) -> usize {
        get_raster_width(FontWeight::Regular, self.raster) * self.times
    }

    fn line(self) -> usize {
        self.raster.val() * self.times
    }

    fn padding(self) -> usize {
        self.line() / 4
    }

    fn band(self) -> usize {
        self.line() + 2 * self.padding()
    }
}

impl Caption {
    /// Height of the band on a picture of `height`, pixels.
    pub fn band(height: usize) -> usize {
        Size::of(height).band()
    }

    /// Writes the words on `picture`, RGB (height, width, 3) rows from top to bottom.
    pub fn write(&self, picture: &mut [u8], (width, height): (usize, usize)) {
        let size = Size::of(height);
        let columns = width.saturating_sub(2 * size.padding()) / size.column();
        let mut canvas = Canvas { picture, width, height, size };
        let lines = broken(&self.message, columns);
        let top = height.saturating_sub(size.band());
        let above = top.saturating_sub(lines.len() * size.line());
        canvas.darken(above);
        for (i, line) in lines.iter().enumerate() {
            canvas.write(above + i * size.line() + size.padding(), 0, line, self.colour);
        }
        let (right, top) = (cut(&self.right, columns), top + size.padding());
        let left = cut(&self.left, columns.saturating_sub(right.chars().count() + 2));
        let (from, to) = (left.chars().count(), columns - right.chars().count());
        canvas.write(top, 0, &left, [255; 3]);
        canvas.write(top, to, &right, [255; 3]);
        let middle = self.middle.chars().count();
        if to >= from + middle + 4 {
            canvas.write(top, from + (to - from - middle) / 2, &self.middle, [190, 200, 215]);
        }
    }
}

/// The first `columns` characters of a text.
fn cut(text: &str, columns: usize) -> String {
    text.chars().take(columns).collect()
}

/// A text in lines of at most `columns`, broken between words where it can be.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let length = |s: &str| s.chars().count();
        match lines.last_mut().filter(|last| length(last) + 1 + length(word) <= columns) {
            Some(last) => *last += &format!(" {word}"),
            None => lines.push(cut(word, columns)),
        }
    }
    lines
}

struct Canvas<'a> {
    picture: &'a mut [u8],
    width: usize,
    height: usize,
    size: Size,
}

impl Canvas<'_> {
    /// Darkens everything below `top`.
    fn darken(&mut self, top: usize) {
        for value in &mut self.picture[top * self.width * 3..] {
            *value = (u32::from(*value) * (255 - BAND) / 255) as u8;
        }
    }

    /// Writes a line whose upper edge is at `top`, from `column` on.
    fn write(&mut self, top: usize, column: usize, text: &str, colour: [u8; 3]) {
        let Size { raster, times } = self.size;
        for (i, c) in text.chars().enumerate() {
            let glyph = |c| get_raster(c, FontWeight::Regular, raster);
            let Some(glyph) = glyph(c).or_else(|| glyph(UNKNOWN)) else { continue };
            let left = self.size.padding() + (column + i) * self.size.column();
            for (row, values) in glyph.rows().enumerate() {
                for (x, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
                    for at in 0..times * times {
                        let (x, y) = (left + x * times + at % times, top + row * times + at / times);
                        self.blend(x, y, u32::from(*value), colour);
                    }
                }
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, opacity: u32, colour: [u8; 3]) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            for (value, own) in self.picture[at..at + 3].iter_mut().zip(colour) {
                *value = ((u32::from(*value) * (255 - opacity) + u32::from(own) * opacity) / 255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(caption: &Caption, size: (usize, usize)) -> Vec<u8> {
        let mut picture = vec![100; size.0 * size.1 * 3];
        caption.write(&mut picture, size);
        picture
    }

    #[test]
    fn words_stand_in_their_corners_and_the_rest_of_the_picture_is_as_it_was() {
        for size in [(640, 480), (1280, 720), (64, 64), (2048, 2048)] {
            let (width, height) = size;
            let caption = Caption { left: "stack".into(), right: "4 s".into(), ..Caption::default() };
            let picture = written(&caption, size);
            let band = Caption::band(height);
            assert!(picture[..(height - band) * width * 3].iter().all(|v| *v == 100), "{size:?}");
            let bright = |columns: std::ops::Range<usize>| {
                let rows = picture[(height - band) * width * 3..].chunks_exact(width * 3);
                rows.flat_map(|row| &row[columns.start * 3..columns.end * 3]).filter(|v| **v > 200).count()
            };
            assert!(bright(0..width / 3) > 0 && bright(width * 2 / 3..width) > 0, "{size:?}");
        }
    }

    #[test]
    fn other_words_are_other_pixels_and_edges_are_smooth() {
        let of = |left: &str| written(&Caption { left: left.into(), ..Caption::default() }, (640, 480));
        assert_ne!(of("episode 1"), of("episode 2"));
        assert_ne!(of("é"), of("?"));
        assert_eq!(of("日"), of("?"));
        let greys: std::collections::BTreeSet<u8> = of("episode").into_iter().collect();
        assert!(greys.len() > 20, "{greys:?}");
    }

    #[test]
    fn what_does_not_fit_is_broken_or_left_out() {
        assert_eq!(broken("not solved: apart is 0.031 m", 12), ["not solved:", "apart is", "0.031 m"]);
        assert_eq!(broken("immeasurable", 4), ["imme"]);
        assert!(broken("", 4).is_empty());
        let long =
            Caption { left: "x".repeat(500), right: "y".repeat(500), message: "z ".repeat(500), ..Caption::default() };
        written(&long, (64, 64));
        let middle = |left: usize| {
            let caption =
                |middle: &str| Caption { left: "x".repeat(left), middle: middle.into(), ..Caption::default() };
            written(&caption("middle"), (640, 480)) != written(&caption(""), (640, 480))
        };
        assert!(middle(10) && !middle(200));
    }
}
