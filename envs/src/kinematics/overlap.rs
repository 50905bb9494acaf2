//! Overlap of outlines seen from above: unions of convex polygons, clipped exactly (Sutherland and Hodgman 1974).

/// A point in the plane, m.
type Corner = [f64; 2];

/// A convex polygon, counter-clockwise.
#[derive(Clone, Debug, Default)]
pub struct Polygon {
    corners: [Corner; Self::MOST],
    len: usize,
}

impl Polygon {
    /// Most corners: two rectangles meet in at most 8.
    const MOST: usize = 16;

    /// The rectangle of half sizes `half` at `centre`, whose x axis points along the unit vector `axis`.
    pub fn rectangle(centre: Corner, axis: Corner, half: Corner) -> Self {
        let mut corners = [[0.0; 2]; Self::MOST];
        for (corner, (u, v)) in corners.iter_mut().zip([(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]) {
            let (a, b) = (u * half[0], v * half[1]);
            *corner = [centre[0] + a * axis[0] - b * axis[1], centre[1] + a * axis[1] + b * axis[0]];
        }
        Self { corners, len: 4 }
    }

    fn corners(&self) -> &[Corner] {
        &self.corners[..self.len]
    }

    fn push(&mut self, p: Corner) {
        if self.len < Self::MOST {
            self.corners[self.len] = p;
            self.len += 1;
        }
    }

    /// Area, m².
    pub fn area(&self) -> f64 {
        let c = self.corners();
        let twice: f64 = (0..c.len()).map(|i| cross(c[i], c[(i + 1) % c.len()])).sum();
        0.5 * twice
    }

    /// Intersection with `other`.
    pub fn intersection(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        let edges = other.corners();
        for (i, &a) in edges.iter().enumerate() {
            let b = edges[(i + 1) % edges.len()];
            let side = |p: Corner| cross([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
            let mut kept = Self::default();
            for (j, &p) in rest.corners().iter().enumerate() {
                let q = rest.corners()[(j + 1) % rest.len];
                let (sp, sq) = (side(p), side(q));
                if sp >= 0.0 {
                    kept.push(p);
                }
                if (sp >= 0.0) != (sq >= 0.0) {
                    let t = sp / (sp - sq);
                    kept.push([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
                }
            }
            rest = kept;
        }
        rest
    }
}

fn cross(a: Corner, b: Corner) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

/// Area that two unions share, given what their parts are outlined by. The parts of one union may touch, but not
/// overlap each other.
pub fn shared_area<T>(
    a: impl Iterator<Item = T>,
    b: impl Iterator<Item = T> + Clone,
    outline: impl Fn(T) -> Polygon,
) -> f64 {
    a.map(&outline).map(|p| b.clone().map(|q| p.intersection(&outline(q)).area()).sum::<f64>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_overlaps() {
        let unit = Polygon::rectangle([0.0, 0.0], [1.0, 0.0], [0.5, 0.5]);
        assert!((unit.area() - 1.0).abs() < 1e-12);
        let moved = Polygon::rectangle([0.25, 0.5], [1.0, 0.0], [0.5, 0.5]);
        assert!((unit.intersection(&moved).area() - 0.375).abs() < 1e-12);
        let far = Polygon::rectangle([2.0, 0.0], [1.0, 0.0], [0.5, 0.5]);
        assert_eq!(unit.intersection(&far).area(), 0.0);
        // Two unit squares, one turned by 45°, share a regular octagon of area 2(√2 − 1).
        let half = 0.5f64.sqrt();
        let turned = Polygon::rectangle([0.0, 0.0], [half, half], [0.5, 0.5]);
        assert!((unit.intersection(&turned).area() - 2.0 * (2f64.sqrt() - 1.0)).abs() < 1e-12);
        assert!(
            (shared_area([&unit, &far].into_iter(), [&far, &unit].into_iter(), Polygon::clone) - 2.0).abs() < 1e-12
        );
    }
}
