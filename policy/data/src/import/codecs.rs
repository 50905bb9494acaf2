//! Codecs of numcodecs for zarr, each from bytes to bytes as there: those that zarrs lacks, and those of which it takes
//! the memory that a header claims. Of a chunk never more is unpacked than its shape holds.

use super::arrays::MOST_BYTES;
use half::f16;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;
use zarrs::array::codec::api::{CodecPluginV2, CodecPluginV3, PartialDecoderCapability, PartialEncoderCapability};
use zarrs::array::{
    ArrayBytesRaw, BytesRepresentation, BytesToBytesCodecTraits, Codec, CodecError, CodecMetadataOptions, CodecOptions,
    CodecTraits, CodecTraitsV2, CodecTraitsV3, RecommendedConcurrency,
};
use zarrs::metadata::{Configuration, v2::MetadataV2, v3::MetadataV3};
use zarrs::plugin::{PluginCreateError, ZarrVersion, impl_extension_aliases};

/// A codec, as its array describes it.
#[derive(Clone, Debug)]
struct Numcodec {
    step: Step,
    /// With the `id`, which says what it is.
    configuration: Map<String, Value>,
}

// What version 2 calls by an id is `numcodecs` with that id after zarrs has made version 3 of it.
impl_extension_aliases!(Numcodec,
    v3: "numcodecs", [
        "numcodecs.lz4", "numcodecs.bz2", "numcodecs.lzma", "numcodecs.zlib", "numcodecs.gzip", "numcodecs.zstd",
        "numcodecs.delta", "gzip", "zstd", "zlib"
    ],
    v2: "numcodecs", ["lz4", "bz2", "lzma", "zlib", "gzip", "zstd", "delta"]
);
inventory::submit!(CodecPluginV2::new::<Numcodec>());
inventory::submit!(CodecPluginV3::new::<Numcodec>());

#[derive(Clone, Copy, Debug)]
enum Step {
    Lz4,
    Bz2,
    Lzma,
    Zlib,
    Gzip,
    Zstd,
    /// Differences, stored as `from`, of what is `to`.
    Delta {
        from: Number,
        to: Number,
    },
}

impl CodecTraitsV2 for Numcodec {
    fn create(metadata: &MetadataV2) -> Result<Codec, PluginCreateError> {
        numcodec(metadata.id(), metadata.configuration())
    }
}

impl CodecTraitsV3 for Numcodec {
    fn create(metadata: &MetadataV3) -> Result<Codec, PluginCreateError> {
        let configuration = metadata.configuration().cloned().unwrap_or_default();
        let id = configuration.get("id").and_then(Value::as_str).unwrap_or(metadata.name()).to_string();
        numcodec(id.trim_start_matches("numcodecs."), &configuration)
    }
}

fn numcodec(id: &str, configuration: &Configuration) -> Result<Codec, PluginCreateError> {
    let mut configuration: Map<String, Value> = configuration.clone().into();
    let step = match id {
        "lz4" => Step::Lz4,
        "bz2" => Step::Bz2,
        "lzma" if configuration.get("format").is_none_or(|f| *f != 3) => Step::Lzma,
        "zlib" => Step::Zlib,
        "gzip" => Step::Gzip,
        "zstd" => Step::Zstd,
        "delta" => {
            let to = configuration.get("dtype").and_then(Number::named);
            let from = configuration.get("astype").filter(|t| !t.is_null()).map_or(to, Number::named);
            let both = from.zip(to).filter(|(from, to)| from.kind != Sort::Float || to.kind == Sort::Float);
            let (from, to) = both.ok_or("delta of values that are no numbers")?;
            Step::Delta { from, to }
        }
        _ => return Err(PluginCreateError::Other(format!("{id} of this kind is not read"))),
    };
    configuration.insert("id".into(), id.into());
    Ok(Codec::BytesToBytes(Arc::new(Numcodec { step, configuration })))
}

/// Whether differences are the last step before the bytes that are packed, as in the list of `codecs` of an array or its
/// filters; what zarrs would do in another order.
pub(super) fn in_order(codecs: &[Value]) -> bool {
    let name = |codec: &Value| codec["id"].as_str().or(codec["name"].as_str()).unwrap_or_default().to_string();
    let inner = codecs.iter().filter_map(|c| c["configuration"]["codecs"].as_array());
    let follows = |pair: &[Value]| {
        let big = pair[0]["configuration"]["dtype"].as_str().is_some_and(|t| t.starts_with('>'));
        match name(&pair[1]).trim_start_matches("numcodecs.") {
            "bytes" => (pair[1]["configuration"]["endian"] == "big") == big,
            "lz4" | "bz2" | "lzma" | "zlib" | "gzip" | "zstd" | "delta" | "blosc" | "shuffle" => true,
            _ => false,
        }
    };
    let is_delta = |pair: &&[Value]| ["delta", "numcodecs.delta"].contains(&name(&pair[0]).as_str());
    codecs.windows(2).filter(is_delta).all(follows) && inner.map(Vec::as_slice).all(in_order)
}

impl CodecTraits for Numcodec {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn configuration(&self, _: ZarrVersion, _: &CodecMetadataOptions) -> Option<Configuration> {
        Some(self.configuration.clone().into())
    }

    fn partial_decoder_capability(&self) -> PartialDecoderCapability {
        PartialDecoderCapability { partial_read: false, partial_decode: false }
    }

    fn partial_encoder_capability(&self) -> PartialEncoderCapability {
        PartialEncoderCapability { partial_encode: false }
    }
}

impl BytesToBytesCodecTraits for Numcodec {
    fn into_dyn(self: Arc<Self>) -> Arc<dyn BytesToBytesCodecTraits> {
        self
    }

    fn recommended_concurrency(&self, _: &BytesRepresentation) -> Result<RecommendedConcurrency, CodecError> {
        Ok(RecommendedConcurrency::new_maximum(1))
    }

    fn encoded_representation(&self, of: &BytesRepresentation) -> BytesRepresentation {
        match (self.step, of) {
            (Step::Delta { from, to }, BytesRepresentation::FixedSize(size)) => {
                BytesRepresentation::FixedSize(size / to.size as u64 * from.size as u64)
            }
            // What cannot be packed becomes a little longer.
            _ => of.size().map_or(BytesRepresentation::UnboundedSize, |size| {
                BytesRepresentation::BoundedSize(size.saturating_add(size / 4 + 4096))
            }),
        }
    }

    fn encode<'a>(&self, _: ArrayBytesRaw<'a>, _: &CodecOptions) -> Result<ArrayBytesRaw<'a>, CodecError> {
        Err(CodecError::Other("datasets of others are only read".into()))
    }

    fn decode<'a>(
        &self,
        bytes: ArrayBytesRaw<'a>,
        decoded: &BytesRepresentation,
        _: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        let most = decoded.size().unwrap_or(MOST_BYTES).min(MOST_BYTES);
        let bad = |e: String| CodecError::Other(format!("broken {} data: {e}", self.configuration["id"]));
        let unpacked = self.step.undo(&bytes, most).map_err(bad)?;
        let right = unpacked.len() as u64 <= most
            && (!matches!(decoded, BytesRepresentation::FixedSize(_)) || unpacked.len() as u64 == most);
        if right { Ok(Cow::Owned(unpacked)) } else { Err(bad(format!("not the {most} bytes of a chunk"))) }
    }
}

impl Step {
    /// At most a byte more than `most` bytes, of what was packed.
    fn undo(self, bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
        let (most, failed) = (most + 1, |e: std::io::Error| e.to_string());
        let mut out = Vec::new();
        match self {
            Self::Lz4 => {
                // Its length in four bytes, which is at most 255 times that of what is packed.
                let (length, packed) = bytes.split_first_chunk().ok_or("no length")?;
                let length = u64::from(u32::from_le_bytes(*length));
                if length > most.min(packed.len() as u64 * 255) {
                    return Err(format!("a length of {length}"));
                }
                return lz4_flex::block::decompress(packed, length as usize).map_err(|e| e.to_string());
            }
            Self::Bz2 => bzip2::read::BzDecoder::new(bytes).take(most).read_to_end(&mut out),
            Self::Lzma if bytes.starts_with(b"\xfd7zXZ") => {
                lzma_rust2::XzReader::new(bytes, true).take(most).read_to_end(&mut out)
            }
            Self::Lzma => {
                let limit = u32::try_from(MOST_BYTES >> 10).unwrap_or(u32::MAX);
                let reader = lzma_rust2::LzmaReader::new_mem_limit(bytes, limit, None).map_err(failed)?;
                reader.take(most).read_to_end(&mut out)
            }
            Self::Zlib => flate2::read::ZlibDecoder::new(bytes).take(most).read_to_end(&mut out),
            Self::Gzip => flate2::read::MultiGzDecoder::new(bytes).take(most).read_to_end(&mut out),
            Self::Zstd => zstd::Decoder::with_buffer(bytes).map_err(failed)?.take(most).read_to_end(&mut out),
            Self::Delta { from, to } => return sums(bytes, from, to),
        }
        .map_err(failed)?;
        Ok(out)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Signed,
    Unsigned,
    Float,
}

/// A type of numbers of numpy.
#[derive(Clone, Copy, Debug)]
struct Number {
    kind: Sort,
    /// Bytes.
    size: usize,
    big: bool,
}

impl Number {
    /// `<i4`, `|u1`, `f8`.
    fn named(name: &Value) -> Option<Self> {
        let name = name.as_str()?;
        let (kind, size) = name.trim_start_matches(['<', '>', '|', '=']).split_at_checked(1)?;
        let (kind, sizes) = match kind {
            "i" => (Sort::Signed, ["1", "2", "4", "8"].as_slice()),
            "u" => (Sort::Unsigned, ["1", "2", "4", "8"].as_slice()),
            "f" => (Sort::Float, ["2", "4", "8"].as_slice()),
            _ => return None,
        };
        let size = sizes.iter().find(|s| **s == size)?.parse().ok()?;
        Some(Self { kind, size, big: name.starts_with('>') })
    }

    /// The number in these bytes: a whole one, wrapped, or another.
    fn read(self, bytes: &[u8]) -> (i64, f64) {
        let mut word = [0; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.big {
            word[..self.size].reverse();
        }
        let (whole, unused) = (i64::from_le_bytes(word), 64 - 8 * self.size as u32);
        match (self.kind, self.size) {
            (Sort::Signed, _) => (whole << unused >> unused, (whole << unused >> unused) as f64),
            (Sort::Unsigned, _) => (whole, whole as u64 as f64),
            (Sort::Float, 2) => (0, f16::from_bits(whole as u16).to_f64()),
            (Sort::Float, 4) => (0, f64::from(f32::from_bits(whole as u32))),
            (Sort::Float, _) => (0, f64::from_bits(whole as u64)),
        }
    }

    /// Appends a number's bytes.
    fn write(self, whole: i64, other: f64, out: &mut Vec<u8>) {
        let word = match (self.kind, self.size) {
            (Sort::Float, 2) => i64::from(f16::from_f64(other).to_bits()),
            (Sort::Float, 4) => i64::from((other as f32).to_bits()),
            (Sort::Float, _) => other.to_bits() as i64,
            _ => whole,
        };
        let start = out.len();
        out.extend_from_slice(&word.to_le_bytes()[..self.size]);
        if self.big {
            out[start..].reverse();
        }
    }
}

/// Each number added to those before it, as numpy does: rounded, or wrapped, to the type after every one.
fn sums(bytes: &[u8], from: Number, to: Number) -> Result<Vec<u8>, String> {
    let chunks = bytes.chunks_exact(from.size);
    if !chunks.remainder().is_empty() {
        return Err("half a number".into());
    }
    let (mut out, mut whole, mut other) = (Vec::with_capacity(chunks.len() * to.size), 0_i64, 0.0);
    for chunk in chunks {
        let (next, float) = from.read(chunk);
        (whole, other) = (whole.wrapping_add(next), other + float);
        to.write(whole, other, &mut out);
        if to.kind == Sort::Float {
            (_, other) = to.read(&out[out.len() - to.size..]);
        }
    }
    Ok(out)
}
