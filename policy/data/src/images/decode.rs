//! Decoding of pictures: PNG and JPEG, as RGB.

use crate::table::one_line;
use imle_configs::spec::{CHANNELS, ImageLayout};
use png::{ColorType, Transformations};
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const NEITHER: &str = "neither PNG nor JPEG";

/// Height and width of a picture, as its header says.
///
/// # Errors
/// As [`decode`].
pub(crate) fn size(bytes: &[u8]) -> Result<[usize; 2], String> {
    let (width, height) = match bytes {
        [0x89, b'P', b'N', b'G', ..] => {
            let reader = png::Decoder::new(Cursor::new(bytes)).read_info().map_err(one_line)?;
            (reader.info().width as usize, reader.info().height as usize)
        }
        [0xff, 0xd8, ..] => {
            let mut decoder = JpegDecoder::new(Cursor::new(bytes));
            decoder.decode_headers().map_err(one_line)?;
            decoder.dimensions().unwrap_or_default()
        }
        _ => return Err(NEITHER.to_string()),
    };
    Ok([height, width])
}

/// Writes the pixels of a picture of the layout's size to `out` (`picture_bytes`): grey and palettes become RGB,
/// transparency is dropped, 16 bits become 8. Without `out` only the size is checked.
///
/// # Errors
/// What is found instead, for a message.
pub(crate) fn decode(bytes: &[u8], layout: &ImageLayout, out: Option<&mut [u8]>) -> Result<(), String> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes, layout, out),
        [0xff, 0xd8, ..] => jpeg(bytes, layout, out),
        _ => Err(NEITHER.to_string()),
    }
}

fn png(bytes: &[u8], layout: &ImageLayout, out: Option<&mut [u8]>) -> Result<(), String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(one_line)?;
    check(layout, (reader.info().width as usize, reader.info().height as usize))?;
    let Some(out) = out else { return Ok(()) };
    let channels = match reader.output_color_type().0 {
        ColorType::Rgb => return reader.next_frame(out).map(|_| ()).map_err(one_line),
        other => other.samples(),
    };
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too many pixels")?];
    reader.next_frame(&mut pixels).map_err(one_line)?;
    for (rgb, pixel) in out.chunks_exact_mut(CHANNELS).zip(pixels.chunks_exact(channels)) {
        match pixel {
            [grey] | [grey, _] => rgb.fill(*grey),
            _ => rgb.copy_from_slice(&pixel[..CHANNELS]),
        }
    }
    Ok(())
}

fn jpeg(bytes: &[u8], layout: &ImageLayout, out: Option<&mut [u8]>) -> Result<(), String> {
    // Otherwise a picture that is cut off would be grey from there on.
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB).set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(one_line)?;
    check(layout, decoder.dimensions().unwrap_or_default())?;
    out.map_or(Ok(()), |out| decoder.decode_into(out).map_err(one_line))
}

fn check(layout: &ImageLayout, (width, height): (usize, usize)) -> Result<(), String> {
    let same = (width, height) == (layout.width, layout.height);
    if same { Ok(()) } else { Err(format!("{width}x{height} pixels")) }
}
