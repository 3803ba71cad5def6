//! A thousand random mixtures of misdeeds: whatever happens, no wrong file becomes a model.

use std::sync::atomic::{AtomicUsize, Ordering};

use hub::{HubError, Library};

use crate::server::{Fault, Hub};
use crate::{Rng, model_bytes, options, pull, sha256};

const SCENARIOS: usize = 1000;
const THREADS: usize = 16;

#[test]
fn a_thousand_scenarios_accept_no_wrong_file() {
    let (next, at_once) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let seed @ 0..SCENARIOS = next.fetch_add(1, Ordering::Relaxed) {
                    at_once.fetch_add(usize::from(run(seed as u64) == 1), Ordering::Relaxed);
                }
            });
        }
    });
    let at_once = at_once.into_inner();
    assert!(at_once >= SCENARIOS * 3 / 4, "only {at_once} of {SCENARIOS} needed no second pull");
}

/// Pulls until it works, and says how often that was. Failures in between must be typed ones that leave no
/// model behind.
fn run(seed: u64) -> usize {
    let mut rng = Rng(seed);
    let block = [64, 1000, 4096, 65536][rng.below(4)];
    let size = 4 + rng.below(12 * block as usize);
    let content = model_bytes(seed, size);
    let hub = Hub::start(content.clone());
    let faults: Vec<Fault> = (0..rng.below(7)).map(|_| fault(&mut rng, size, block)).collect();
    hub.faults(faults.clone());
    let folder = tempfile::tempdir().unwrap();
    let options = options(&hub, block);
    for pulls in 1..=5 + faults.len() {
        match pull(folder.path(), &options) {
            Ok(model) => {
                let found = std::fs::read(&model.path).unwrap();
                assert!(found == content, "scenario {seed} {faults:?} accepted a wrong file");
                assert_eq!(model.sha256, sha256(&content));
                check_token(&hub);
                return pulls;
            }
            Err(error) => {
                assert!(is_expected(&error), "scenario {seed} {faults:?}: {error:?}");
                assert_eq!(Library::open(folder.path()).unwrap().list().unwrap(), []);
            }
        }
    }
    panic!("scenario {seed} {faults:?} never ends");
}

fn is_expected(error: &HubError) -> bool {
    matches!(
        error,
        HubError::Network { .. }
            | HubError::Stalled { .. }
            | HubError::Protocol { .. }
            | HubError::Server { .. }
            | HubError::RateLimited { .. }
            | HubError::DigestMismatch { .. }
    )
}

fn check_token(hub: &Hub) {
    for seen in hub.seen() {
        let token = seen.headers.get("authorization");
        assert_eq!(token.is_some(), seen.at_resolver, "{seen:?}");
    }
}

fn fault(rng: &mut Rng, size: usize, block: u64) -> Fault {
    let after = rng.below(size);
    let bad = rng.below(size.div_ceil(block as usize)) as u64 * block;
    match rng.below(24) {
        0 | 1 => Fault::Cut { after, reset: false },
        2 | 3 => Fault::Cut { after, reset: true },
        4 => Fault::Stall { after },
        5 => Fault::Drip,
        6 | 7 => Fault::Flip { at: after },
        8 | 9 => Fault::Garbage(bad..bad + block),
        10 => Fault::WrongRange,
        11 => Fault::Shifted,
        12 => Fault::Whole,
        13 => Fault::ShortRange,
        14 => Fault::NoSuchRange,
        15 => Fault::NewTag,
        16 => Fault::NoTag,
        17 => Fault::NoLength,
        18 => Fault::Oversize,
        19 => Fault::Undersize,
        20 => Fault::Status([403, 404, 429, 500, 502, 503][rng.below(6)]),
        21 => Fault::Html,
        22 => Fault::Noise,
        _ => Fault::Detour,
    }
}

#[test]
fn bytes_that_stay_wrong_are_never_accepted() {
    let content = model_bytes(1, 40_000);
    for fault in [
        Fault::Garbage(8192..12288),
        Fault::Flip { at: 777 },
        Fault::Shifted,
        Fault::Html,
        Fault::Oversize,
        Fault::Undersize,
        Fault::WrongRange,
        Fault::Noise,
        Fault::Drip,
        Fault::Detour,
        Fault::Status(503),
        Fault::Cut { after: 0, reset: true },
    ] {
        let hub = Hub::start(content.clone());
        hub.faults([Fault::Cut { after: 5000, reset: false }]).always(Some(fault.clone()));
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&hub, 4096);
        options.patience.retries = 2;
        let Err(error) = pull(folder.path(), &options) else { panic!("accepted {fault:?}") };
        let redirected = matches!(error, HubError::Redirect { .. });
        assert!(
            if fault == Fault::Detour { redirected } else { is_expected(&error) },
            "{fault:?}: {error:?}"
        );
        assert!(Library::open(folder.path()).unwrap().list().unwrap().is_empty());
        // Once the hub is well, the pull is too.
        hub.always(None);
        let model = pull(folder.path(), &options).unwrap();
        assert!(std::fs::read(model.path).unwrap() == content, "{fault:?}");
        check_token(&hub);
    }
}
