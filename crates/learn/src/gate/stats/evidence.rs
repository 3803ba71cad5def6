//! Evidence that adds up over nights: an e-process against "signs mean nothing".
//!
//! For a difference d that is as likely as −d, `exp(λd) / cosh(λd)` has mean 1 for every λ. Products over topics that were
//! not looked at before are then a supermartingale, and so is their mean over several λ: it exceeds 20 with probability
//! at most 1/20, however often one looks (Ville's inequality; Ramdas et al., "Game-theoretic statistics", 2023).

use super::by_topic;

/// Scales of differences that are bet on, in 1/nats.
const BETS: [f64; 4] = [1.0, 4.0, 16.0, 64.0];

/// Logarithm of the evidence that `gains` are above zero. Evidence of other topics is added to it.
pub fn log_evidence(gains: &[f64], topics: &[u64]) -> f64 {
    let means: Vec<f64> =
        by_topic(gains, topics).into_iter().map(|(sum, count)| sum / count as f64).collect();
    // ln cosh without overflow.
    let ln_cosh = |x: f64| x.abs() + (-2.0 * x.abs()).exp().ln_1p() - std::f64::consts::LN_2;
    let each = BETS.map(|bet| means.iter().map(|d| bet * d - ln_cosh(bet * d)).sum::<f64>());
    let largest = each.into_iter().fold(f64::NEG_INFINITY, f64::max);
    largest + (each.iter().map(|e| (e - largest).exp()).sum::<f64>() / BETS.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_mean_is_one_where_signs_mean_nothing() {
        // Over all 2⁸ signs of eight differences.
        let sizes = [0.3, 0.01, 0.2, 0.5, 0.07, 0.11, 0.9, 0.04];
        let topics: Vec<u64> = (0..8).collect();
        let evidence = |bits: u32| {
            let signed = sizes.iter().enumerate().map(|(n, s)| if bits >> n & 1 == 1 { -s } else { *s });
            log_evidence(&signed.collect::<Vec<_>>(), &topics).exp()
        };
        let mean = (0..256).map(evidence).sum::<f64>() / 256.0;
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        let above = (0..256).filter(|&bits| evidence(bits) >= 20.0).count();
        assert!(above * 20 <= 256, "{above} of 256");
    }

    #[test]
    fn steady_gains_are_evidence_and_losses_are_not() {
        let topics: Vec<u64> = (0..12).collect();
        assert!(log_evidence(&[0.2; 12], &topics) > 20_f64.ln());
        assert!(log_evidence(&[-0.2; 12], &topics) < -1.0);
        assert!(log_evidence(&[1000.0; 12], &topics).is_finite());
        assert_eq!(log_evidence(&[], &[]), 0.0);
    }
}
