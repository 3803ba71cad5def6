//! What the current model knows already, and what no model would say.

use super::{Example, Loss, Options, Reason, Signal, Verdict};

/// Nats a token: below the first it is known, above the second it is garbage.
const USEFUL: (f64, f64) = (0.1, 6.0);

/// Drops by the losses of the current model, where somebody gives them.
pub(super) fn drop_known(examples: &mut [Example], options: &Options) {
    let Some(losses) = &options.losses else { return };
    let kept: Vec<usize> = (0..examples.len()).filter(|&at| examples[at].verdict == Verdict::Kept).collect();
    let told = losses(&kept.iter().map(|&at| &examples[at]).collect::<Vec<_>>());
    for (at, loss) in kept.into_iter().zip(told) {
        if let Some(reason) = loss.and_then(|loss| judge(loss, examples[at].signal)) {
            examples[at].verdict = Verdict::Dropped(reason);
        }
    }
}

/// What the user has written himself is no garbage, however unlikely: that is what is to be learned.
fn judge(loss: Loss, signal: Signal) -> Option<Reason> {
    match loss {
        Loss { with, .. } if with < USEFUL.0 => Some(Reason::Known(with as f32)),
        Loss { with, .. } if with.is_nan() || (with > USEFUL.1 && signal != Signal::Edited) => {
            Some(Reason::Garbage(with as f32))
        }
        Loss { with, without: Some(without) } if with >= without => Some(Reason::Unrelated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_unlikely_or_unrelated_is_dropped_but_no_unlikely_edit() {
        let loss = |with: f64, without: f64| Loss { with, without: Some(without) };
        let code = |loss: Loss, signal: Signal| judge(loss, signal).map(|reason| reason.code());
        assert_eq!(code(loss(0.05, 1.0), Signal::Edited), Some("known"));
        assert_eq!(code(loss(7.0, 8.0), Signal::Up), Some("garbage"));
        assert_eq!(code(loss(7.0, 8.0), Signal::Edited), None);
        assert_eq!(code(loss(f64::NAN, 8.0), Signal::Edited), Some("garbage"));
        assert_eq!(code(loss(2.0, 1.9), Signal::Up), Some("unrelated"));
        assert_eq!(code(loss(1.9, 2.0), Signal::Up), None);
    }
}
