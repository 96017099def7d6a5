//! Which layer of a simulcast a viewer gets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::layer::Rate;

/// A layer is taken up when it fits into this much of what the viewer's line carries, in per cent; one that is being sent
/// stays until the line carries less than it.
const HEADROOM: u64 = 85;
/// After a change, none to more for so long: the estimate needs time to find that it was too much.
const SETTLING: Duration = Duration::from_secs(3);

/// What a viewer wants of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The best that its line carries.
    #[default]
    Automatic,
    /// The one with this RID.
    Layer(Arc<str>),
}

/// The layer that a viewer should get: `current` is the one that it gets, since `changed`; `estimate` is what its line
/// carries, in bits per second, if that is known. `None` if nothing comes.
pub(crate) fn choose(
    now: Instant,
    layers: &[Rate],
    current: Option<u8>,
    changed: Option<Instant>,
    estimate: Option<u64>,
) -> Option<u8> {
    let mut active: Vec<(u8, u64)> = Vec::new();
    for (index, rate) in (0..).zip(layers) {
        if rate.active {
            active.push((index, rate.bitrate));
        }
    }
    if active.len() < 2 {
        return active.first().map(|(index, _)| *index);
    }
    active.sort_by_key(|(_, bitrate)| *bitrate);
    let estimate = estimate.unwrap_or(0);
    let fits = |(index, bitrate): &&(u8, u64)| {
        let share = if Some(*index) == current {
            100
        } else {
            HEADROOM
        };
        // One that was not measured yet is not tried.
        *bitrate > 0 && *bitrate <= estimate / 100 * share
    };
    let best = active.iter().rev().find(fits).or(active.first())?;
    let settling = changed.is_some_and(|changed| changed + SETTLING > now);
    let kept = active.iter().find(|(index, _)| Some(*index) == current);
    match kept {
        Some(kept) if settling && best.1 > kept.1 => Some(kept.0),
        _ => Some(best.0),
    }
}
