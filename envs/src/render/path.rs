//! Lines on a picture of a scene: where a candidate takes the hand.
//!
//! They are drawn over the finished picture, so that the hand does not hide where it goes.

use mujoco_rs::wrappers::mj_visualization::MjvGLCamera;
use nalgebra::Vector3;

/// Opacity of the dark line around a path that has one.
const OUTLINE: f32 = 0.6;
/// Width of that line on each side, of that of the path.
const OUTLINE_WIDTH: f32 = 0.3;

/// A line through points of the world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// Points, world frame, m; the line ends before the first that is not finite.
    pub points: Vec<[f64; 3]>,
    /// Red, green, blue and opacity, 0 to 1.
    pub rgba: [f32; 4],
    /// Width, pixels.
    pub width: f32,
    /// Whether a dark line surrounds it.
    pub outlined: bool,
}

/// Projection of a camera of MuJoCo's.
pub(super) struct Lens {
    position: Vector3<f64>,
    /// Unit vectors to the right, upward and forward.
    axes: [Vector3<f64>; 3],
    /// Distance of the near plane, m, and on it the middle of the picture and half its width and height.
    near: f64,
    middle: [f64; 2],
    half: [f64; 2],
    size: (usize, usize),
}

impl Lens {
    /// A camera that takes pictures of `size` (width, height).
    pub(super) fn new(camera: &MjvGLCamera, size: (usize, usize)) -> Self {
        let vector = |v: [f32; 3]| Vector3::from(v.map(f64::from));
        let (forward, up) = (vector(camera.forward), vector(camera.up));
        let [bottom, top] = [camera.frustum_bottom, camera.frustum_top].map(f64::from);
        let high = 0.5 * (top - bottom);
        // Without a width of its own the picture has square pixels.
        let wide = match f64::from(camera.frustum_width) {
            0.0 => high * size.0 as f64 / size.1 as f64,
            own => own,
        };
        Self {
            position: vector(camera.pos),
            axes: [forward.cross(&up), up, forward],
            near: f64::from(camera.frustum_near),
            middle: [f64::from(camera.frustum_center), 0.5 * (top + bottom)],
            half: [wide, high],
            size,
        }
    }

    /// The pixel (from the left and from the top) where a point is seen; nothing for one behind the near plane.
    fn pixel(&self, point: [f64; 3]) -> Option<[f32; 2]> {
        let [x, y, z] = self.axes.map(|axis| axis.dot(&(Vector3::from(point) - self.position)));
        let on = |along: f64, i: usize| (along / z * self.near - self.middle[i]) / self.half[i];
        let (width, height) = (self.size.0 as f64, self.size.1 as f64);
        // `z` may be NaN: then it is not in front.
        (z > self.near).then(|| [(0.5 * (1.0 + on(x, 0)) * width) as f32, (0.5 * (1.0 - on(y, 1)) * height) as f32])
    }
}

/// Draws `paths` on `picture`, RGB (height, width, 3) rows from top to bottom, the first of them last.
pub(super) fn draw(picture: &mut [u8], lens: &Lens, paths: &[Path]) {
    // What each pixel is covered by the path at hand, 0 to 1: a path that crosses itself is no darker there.
    let mut cover = vec![0.0f32; lens.size.0 * lens.size.1];
    for path in paths.iter().rev() {
        let pixels: Vec<Option<[f32; 2]>> =
            path.points.iter().take_while(|p| p.iter().all(|x| x.is_finite())).map(|p| lens.pixel(*p)).collect();
        let [r, g, b, opacity] = path.rgba;
        if path.outlined {
            stroke(
                picture,
                lens.size,
                &mut cover,
                &pixels,
                path.width * (1.0 + 2.0 * OUTLINE_WIDTH),
                [0.0, 0.0, 0.0, OUTLINE * opacity],
            );
        }
        stroke(picture, lens.size, &mut cover, &pixels, path.width, [r, g, b, opacity]);
    }
}

/// Draws a line through pixels; it is interrupted where there is none. `cover` is zero before and after.
fn stroke(
    picture: &mut [u8],
    size: (usize, usize),
    cover: &mut [f32],
    pixels: &[Option<[f32; 2]>],
    width: f32,
    [r, g, b, opacity]: [f32; 4],
) {
    let mut touched = Vec::new();
    for ends in pixels.windows(2) {
        let [Some(from), Some(to)] = ends else { continue };
        let reach = 0.5 * width + 1.0;
        // Saturates: what lies outside the picture is cut at its edges.
        let span = |i: usize, most: usize| {
            let low = (from[i].min(to[i]) - reach).max(0.0) as usize;
            low..((from[i].max(to[i]) + reach).max(0.0) as usize + 1).min(most)
        };
        let way = [to[0] - from[0], to[1] - from[1]];
        let length = (way[0] * way[0] + way[1] * way[1]).max(1e-12);
        for y in span(1, size.1) {
            for x in span(0, size.0) {
                let d = [x as f32 + 0.5 - from[0], y as f32 + 0.5 - from[1]];
                let along = ((d[0] * way[0] + d[1] * way[1]) / length).clamp(0.0, 1.0);
                let off = (d[0] - along * way[0]).hypot(d[1] - along * way[1]);
                let own = (0.5 * width + 0.5 - off).clamp(0.0, 1.0);
                let at = y * size.0 + x;
                if own > cover[at] {
                    if cover[at] == 0.0 {
                        touched.push(at);
                    }
                    cover[at] = own;
                }
            }
        }
    }
    for at in touched {
        let share = opacity * std::mem::take(&mut cover[at]);
        for (value, own) in picture[at * 3..at * 3 + 3].iter_mut().zip([r, g, b]) {
            *value = (f32::from(*value) * (1.0 - share) + 255.0 * own * share).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A camera at the origin that looks along x, 90 degrees wide and high.
    fn lens(size: (usize, usize)) -> Lens {
        let (right, up, forward) = (-Vector3::y(), Vector3::z(), Vector3::x());
        let axes = [right, up, forward];
        Lens { position: Vector3::zeros(), axes, near: 0.1, middle: [0.0; 2], half: [0.1; 2], size }
    }

    fn drawn(points: &[[f64; 3]], opacity: f32) -> Vec<u8> {
        let mut picture = vec![0; 40 * 40 * 3];
        let path = Path { points: points.to_vec(), rgba: [1.0, 0.0, 0.0, opacity], width: 3.0, outlined: false };
        draw(&mut picture, &lens((40, 40)), &[path]);
        picture
    }

    #[test]
    fn a_path_is_where_its_points_are_seen() {
        let picture = drawn(&[[1.0, 0.5, 0.0], [1.0, -0.5, 0.0]], 1.0);
        let red = |x: usize, y: usize| picture[(y * 40 + x) * 3];
        assert_eq!((red(12, 20), red(20, 20), red(28, 20)), (255, 255, 255));
        assert_eq!((red(5, 20), red(35, 20), red(20, 10), red(20, 30)), (0, 0, 0, 0));
        assert!(picture.chunks_exact(3).all(|p| p[1] == 0 && p[2] == 0));
        assert!(picture.iter().any(|v| (1..255).contains(v)), "smooth edges");
    }

    #[test]
    fn a_path_that_crosses_itself_is_as_faint_as_elsewhere() {
        let there = [1.0, 0.5, 0.0];
        let back = [1.0, -0.5, 0.0];
        assert_eq!(drawn(&[there, back], 0.5), drawn(&[there, back, there], 0.5));
    }

    #[test]
    fn what_is_behind_outside_or_not_finite_is_left_out() {
        let nothing = vec![0; 40 * 40 * 3];
        assert_eq!(drawn(&[[-1.0, 0.0, 0.0], [-2.0, 0.0, 0.0]], 1.0), nothing);
        assert_eq!(drawn(&[[1.0, 0.0, 0.0], [f64::NAN, 0.0, 0.0], [1.0, 0.1, 0.0]], 1.0), nothing);
        assert_eq!(drawn(&[[1.0, 5.0, 5.0], [1.0, 6.0, 1e30]], 1.0), nothing);
        assert_ne!(drawn(&[[1.0, -1e9, 0.0], [1.0, 0.0, 0.0]], 1.0), nothing);
    }
}
