//! Smooth ways in the plane: points at even distances along straight legs with rounded corners.

/// A point in the plane, m.
pub type PlanePoint = [f64; 2];
/// Distance between a way's points before its corners are rounded, m.
pub const SPACING: f64 = 0.002;

/// Distance of two points, m.
pub fn distance(a: PlanePoint, b: PlanePoint) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The points every `SPACING` along the way through `corners`, which are rounded by two moving averages of half width
/// `rounding` m. It starts and ends at the first and the last corner.
pub fn through(corners: &[PlanePoint], rounding: f64) -> Vec<PlanePoint> {
    let mut points = Vec::new();
    for pair in corners.windows(2) {
        let steps = (distance(pair[0], pair[1]) / SPACING).ceil().max(1.0);
        let mix = |t: f64| std::array::from_fn(|i| pair[0][i] + t * (pair[1][i] - pair[0][i]));
        points.extend((0..steps as usize).map(|k| mix(k as f64 / steps)));
    }
    points.extend(corners.last());
    let most = (rounding / SPACING) as usize;
    rounded(&rounded(&points, most), most)
}

/// Each point replaced by the mean of its neighbourhood.
fn rounded(points: &[PlanePoint], most: usize) -> Vec<PlanePoint> {
    let mean = |i: usize| {
        // As many on both sides, so that the ends stay where they are.
        let half = most.min(i).min(points.len() - 1 - i);
        let near = &points[i - half..=i + half];
        std::array::from_fn(|k| near.iter().map(|p| p[k]).sum::<f64>() / near.len() as f64)
    };
    (0..points.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_keeps_its_ends_and_cuts_its_corners() {
        let way = through(&[[0.0, 0.0], [0.1, 0.0], [0.1, 0.1]], 0.02);
        assert_eq!((way[0], way[way.len() - 1]), ([0.0, 0.0], [0.1, 0.1]));
        let corner = way.iter().map(|p| distance(*p, [0.1, 0.0])).fold(1.0, f64::min);
        assert!(corner > 0.005 && corner < 0.02, "{corner}");
        assert!(way.windows(2).all(|p| distance(p[0], p[1]) < 1.01 * SPACING));
    }
}
