//! What the current model knows already, and what no model would say.

use super::{Example, Loss, Options, Reason, Verdict};

/// Nats a token: below the first it is known, above the second it is garbage.
const USEFUL: (f64, f64) = (0.1, 6.0);

/// Drops by the losses of the current model, where somebody gives them.
pub(super) fn drop_known(examples: &mut [Example], options: &Options) {
    let Some(losses) = &options.losses else { return };
    let kept: Vec<usize> = (0..examples.len()).filter(|&at| examples[at].verdict == Verdict::Kept).collect();
    let told = losses(&kept.iter().map(|&at| &examples[at]).collect::<Vec<_>>());
    for (at, loss) in kept.into_iter().zip(told) {
        if let Some(reason) = loss.and_then(judge) {
            examples[at].verdict = Verdict::Dropped(reason);
        }
    }
}

fn judge(loss: Loss) -> Option<Reason> {
    match loss {
        Loss { with, .. } if with < USEFUL.0 => Some(Reason::Known(with as f32)),
        Loss { with, .. } if with > USEFUL.1 || with.is_nan() => Some(Reason::Garbage(with as f32)),
        Loss { with, without: Some(without) } if with >= without => Some(Reason::Unrelated),
        _ => None,
    }
}
