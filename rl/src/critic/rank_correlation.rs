//! Rank correlation.

/// Spearman's rank correlation of pairs, ties at their mean rank; nothing if one side is constant or there are fewer
/// than two.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len().max(1) as f64;
    let (ma, mb) = (mean(&a), mean(&b));
    let covariance: f64 = a.iter().zip(&b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    let spread = |x: &[f64], m: f64| x.iter().map(|x| (x - m).powi(2)).sum::<f64>().sqrt();
    let spreads = spread(&a, ma) * spread(&b, mb);
    (spreads > 0.0).then(|| covariance / spreads)
}

/// Not numbers are equal to each other, so that they have ranks too.
fn equal(a: f64, b: f64) -> bool {
    a == b || a.total_cmp(&b).is_eq()
}

/// Rank of each value from 1, equal ones at their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|i, j| values[*i].total_cmp(&values[*j]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let many = order[first..].iter().take_while(|i| equal(values[**i], values[order[first]])).count();
        let rank = first as f64 + (many as f64 + 1.0) / 2.0;
        order[first..first + many].iter().for_each(|i| ranks[*i] = rank);
        first += many;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_not_values_count() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(ranks(&[f64::NAN, 1.0, f64::NAN]), [2.5, 1.0, 2.5]);
        assert!((spearman(&[1.0, 2.0, 3.0], &[1.0, 10.0, 1000.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0]).unwrap() + 1.0).abs() < 1e-12);
        // 1 − 6 Σd² / (n (n² − 1)) with d = (1, 1, 0, 0).
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 3.0, 4.0]).unwrap() - 0.8).abs() < 1e-12);
        assert_eq!((spearman(&[1.0, 1.0], &[1.0, 2.0]), spearman(&[], &[])), (None, None));
    }
}
