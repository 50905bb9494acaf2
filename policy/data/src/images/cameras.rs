//! Cameras among the features of `info.json`: pictures in the data files, or videos beside them.

use super::storage;
use imle_configs::spec::ImageLayout;
use imle_configs::{Error, Result};
use serde_json::{Map, Value};

/// A camera of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Camera {
    /// The end of the column's name.
    pub(crate) name: String,
    pub(crate) column: String,
    /// Whether its pictures are in videos.
    pub(crate) video: bool,
    /// Height and width of its pictures, if the feature says them.
    pub(crate) size: Option<[usize; 2]>,
}

/// All cameras, in the order of the features.
pub(crate) fn of_features(features: &Map<String, Value>) -> Vec<Camera> {
    let dtypes = features.iter().filter_map(|(name, feature)| Some((name, feature, feature["dtype"].as_str()?)));
    let camera = |(column, feature, dtype): (&String, &Value, &str)| {
        let name = [storage::PREFIX, "observation."].iter().find_map(|prefix| column.strip_prefix(prefix));
        let name = name.unwrap_or(column).to_string();
        let video = dtype == "video";
        (video || dtype == "image").then(|| Camera { name, column: column.clone(), video, size: size(feature) })
    };
    let mut cameras: Vec<Camera> = dtypes.filter_map(camera).collect();
    let names: Vec<String> = cameras.iter().map(|c| c.name.clone()).collect();
    for camera in &mut cameras {
        if names.iter().filter(|name| **name == camera.name).count() > 1 {
            camera.name.clone_from(&camera.column);
        }
    }
    cameras
}

/// Height and width in the shape of a feature, which has the channels last or first.
fn size(feature: &Value) -> Option<[usize; 2]> {
    let sizes: Option<Vec<usize>> = feature["shape"].as_array()?.iter().map(|s| s.as_u64()?.try_into().ok()).collect();
    let first = |names: &Value| names.get(0).and_then(Value::as_str).is_some_and(|name| name.starts_with("channel"));
    let channels = |size: usize| [1, 3, 4].contains(&size);
    let [a, b, c] = sizes?.try_into().ok()?;
    match channels(c) && !(channels(a) && first(&feature["names"])) {
        true => Some([a, b]),
        false => channels(a).then_some([b, c]),
    }
}

/// Cameras whose pictures have one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cameras {
    pub(crate) layout: ImageLayout,
    /// Those of the layout, in its order.
    pub(crate) all: Vec<Camera>,
}

impl Cameras {
    /// The cameras whose pictures have the size of the first one's that says it, and the others.
    ///
    /// # Errors
    /// [`Error::Unexpected`] if there is none, or there can be no such pictures.
    pub(crate) fn of_first_size(all: Vec<Camera>) -> (Result<Self>, Vec<Camera>) {
        let size = all.iter().find_map(|camera| camera.size);
        let (same, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|c| size.is_some() && c.size == size);
        let Some([height, width]) = size else {
            let expected = "an image or video of shape [height, width, 3], like `observation.images.top`";
            return (Err(Error::unexpected("features", expected, "none")), others);
        };
        let layout = ImageLayout { cameras: same.iter().map(|c| c.name.clone()).collect(), height, width };
        (storage::check(&layout).map(|()| Self { layout, all: same }), others)
    }

    /// Those of these names, in their order.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest names; [`Error::Unexpected`] for one twice.
    pub(crate) fn named(&self, names: &[String]) -> Result<Self> {
        let find = |name: &String| {
            let known = || Error::unknown("camera", name, &self.layout.cameras);
            self.all.iter().find(|camera| camera.name == *name).cloned().ok_or_else(known)
        };
        let all = names.iter().map(find).collect::<Result<Vec<_>>>()?;
        let layout = ImageLayout { cameras: names.to_vec(), ..self.layout.clone() };
        storage::check(&layout)?;
        Ok(Self { layout, all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn channels_are_first_or_last() {
        let of = |shape: Value, names: Value| size(&json!({"shape": shape, "names": names}));
        assert_eq!(of(json!([480, 640, 3]), json!(["height", "width", "channel"])), Some([480, 640]));
        assert_eq!(of(json!([3, 480, 640]), json!(["channels", "height", "width"])), Some([480, 640]));
        assert_eq!(of(json!([3, 480, 640]), json!(null)), Some([480, 640]));
        // Names in the wrong order, and a picture of three rows.
        assert_eq!(of(json!([480, 640, 3]), json!(["channels", "height", "width"])), Some([480, 640]));
        assert_eq!(of(json!([3, 5, 3]), json!(["height", "width", "channel"])), Some([3, 5]));
        assert_eq!(of(json!([3, 5, 3]), json!(["channel", "height", "width"])), Some([5, 3]));
        for shape in [json!([480, 640]), json!([480, 640, 2]), json!([-1, 2, 3]), json!("x")] {
            assert_eq!(of(shape, json!(null)), None);
        }
    }

    #[test]
    fn cameras_have_short_names_where_these_differ() {
        let features = json!({
            "observation.image": {"dtype": "image", "shape": [4, 6, 3]}, "image": {"dtype": "image", "shape": [4, 6, 3]},
            "observation.images.top": {"dtype": "video", "shape": [3, 4, 6]}, "state": {"dtype": "float32", "shape": [3]},
        });
        let cameras = of_features(features.as_object().unwrap());
        let named: Vec<_> = cameras.iter().map(|c| (c.name.as_str(), c.video)).collect();
        assert_eq!(named, [("observation.image", false), ("image", false), ("top", true)]);
        assert_eq!(Cameras::of_first_size(cameras).0.unwrap().layout.height, 4);
    }
}
