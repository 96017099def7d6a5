use super::*;

fn at(ms: u64) -> Instant {
    gannet_netsim::start() + Duration::from_millis(ms)
}

/// A calm line, whose source uses what it may.
const CALM: Situation = Situation {
    estimate: 1_000_000,
    ceiling: 20_000_000,
    calm: true,
    limited: false,
};

const LIMITED: Situation = Situation {
    limited: true,
    ..CALM
};

const fn estimate(estimate: u64) -> Situation {
    Situation { estimate, ..CALM }
}

fn measured(bitrate: u64, saturated: bool) -> Option<Measured> {
    let bitrate = bitrate as f64;
    Some(Measured { bitrate, saturated })
}

/// Tells it the situation and asks what it wants.
fn ask(controller: &mut ProbeController, now: u64, situation: Situation) -> Option<u64> {
    controller.on_situation(at(now), &situation);
    controller.next_aim(at(now), &situation)
}

/// The start is probed, in vain.
fn started(situation: Situation) -> ProbeController {
    let mut controller = ProbeController::default();
    let aim = ask(&mut controller, 0, situation).unwrap();
    let verdict = controller.on_result(at(100), aim, measured(1_000_000, true), &situation);
    assert_eq!(verdict, Verdict::Set(1e6));
    controller
}

/// What it asks for, each 100 ms, until so many milliseconds; every probe measures nothing.
fn asked(
    controller: &mut ProbeController,
    from: u64,
    to: u64,
    situation: Situation,
) -> Vec<(u64, u64)> {
    let mut asked = Vec::new();
    for now in (from..to).step_by(100) {
        if let Some(aim) = ask(controller, now, situation) {
            asked.push((now, aim));
            controller.on_result(at(now), aim, None, &situation);
        }
    }
    asked
}

#[test]
fn the_start_is_three_times_then_six_then_double_what_was_measured() {
    let mut controller = ProbeController::default();
    let mut situation = estimate(300_000);
    // What was aimed at, what was measured, and where the next one aims.
    let table = [
        (900_000, 900_000, Some(1_800_000)),
        (1_800_000, 1_700_000, Some(3_400_000)),
        (3_400_000, 2_400_000, Some(4_800_000)),
        (4_800_000, 3_300_000, None),
    ];
    assert_eq!(ask(&mut controller, 0, situation), Some(900_000));
    for (index, (aim, result, next)) in (1..).zip(table) {
        let result = measured(result, result < aim);
        let verdict = controller.on_result(at(index * 100), aim, result, &situation);
        let bitrate = result.unwrap().bitrate;
        let expected = if result.unwrap().saturated {
            Verdict::Set(bitrate)
        } else {
            Verdict::Raise(bitrate)
        };
        assert_eq!(verdict, expected);
        situation.estimate = bitrate as u64;
        let asked = ask(&mut controller, index * 100, situation);
        assert_eq!(asked, next, "after {aim}");
    }
    assert_eq!(asked(&mut controller, 500, 60_000, situation), []);
}

#[test]
fn nothing_is_faster_than_the_ceiling_and_nothing_is_asked_for_near_it() {
    let situation = Situation {
        ceiling: 2_500_000,
        ..CALM
    };
    let mut controller = ProbeController::default();
    assert_eq!(ask(&mut controller, 0, situation), Some(2_500_000));
    controller.on_result(at(100), 2_500_000, measured(2_500_000, false), &situation);
    let there = Situation {
        estimate: 2_500_000,
        ..situation
    };
    assert_eq!(ask(&mut controller, 100, there), None);
    let near = Situation {
        estimate: 2_300_000,
        limited: true,
        ..situation
    };
    assert_eq!(asked(&mut controller, 200, 30_000, near), []);
    let mut controller = ProbeController::default();
    assert_eq!(asked(&mut controller, 0, 30_000, near), []);
}

#[test]
fn a_start_that_measures_nothing_is_tried_three_times() {
    let mut controller = ProbeController::default();
    let tries = asked(&mut controller, 0, 60_000, CALM);
    assert_eq!(tries, [0, 1000, 2000].map(|now| (now, 3_000_000)));
}

#[test]
fn probes_that_are_not_sent_to_their_end_are_tries_too() {
    let mut controller = ProbeController::default();
    let mut tries = Vec::new();
    for now in (0..30_000).step_by(100) {
        if ask(&mut controller, now, CALM).is_some() {
            tries.push(now);
            controller.on_abort();
        }
    }
    assert_eq!(tries, [0, 1000, 2000]);
}

#[test]
fn the_start_waits_for_a_calm_line_and_is_careful_after_a_congestion() {
    let mut controller = ProbeController::default();
    let busy = Situation {
        calm: false,
        ..CALM
    };
    assert_eq!(asked(&mut controller, 0, 10_000, busy), []);
    controller.on_decrease();
    assert_eq!(ask(&mut controller, 10_000, CALM), Some(2_000_000));
    // The estimate was measured: a burst that fills the line says nothing better.
    let result = measured(900_000, true);
    let verdict = controller.on_result(at(10_100), 2_000_000, result, &CALM);
    assert_eq!(verdict, Verdict::Raise(9e5));
}

#[test]
fn a_source_that_is_limited_is_probed_for_every_five_seconds() {
    let mut controller = started(CALM);
    let probes = asked(&mut controller, 200, 16_000, LIMITED);
    let expected = [5100, 10_100, 15_100].map(|now| (now, 2_000_000));
    assert_eq!(probes, expected);
    // It begins with what the rest said; one that gets through is followed at once.
    let aim = ask(&mut controller, 21_000, LIMITED).unwrap();
    controller.on_result(at(21_100), aim, measured(1_900_000, false), &LIMITED);
    let larger = Situation {
        estimate: 1_900_000,
        ..LIMITED
    };
    assert_eq!(ask(&mut controller, 21_100, larger), Some(3_800_000));
    let verdict = controller.on_result(at(21_200), 3_800_000, measured(1_500_000, true), &larger);
    assert_eq!(verdict, Verdict::Set(1.5e6), "the estimate is not used");
    assert_eq!(ask(&mut controller, 21_300, larger), None);
}

#[test]
fn a_source_that_uses_what_it_may_is_left_to_itself() {
    let mut controller = started(CALM);
    assert_eq!(asked(&mut controller, 200, 60_000, CALM), []);
}

#[test]
fn a_raised_maximum_is_probed_once_and_not_more_often_than_every_two_seconds() {
    let mut controller = started(CALM);
    controller.on_raised();
    let probes = asked(&mut controller, 200, 10_000, CALM);
    assert_eq!(probes, [(2100, 2_000_000)]);
    let mut often = Vec::new();
    for now in (10_000..20_000).step_by(100) {
        controller.on_raised();
        often.extend(asked(&mut controller, now, now + 100, CALM));
    }
    assert_eq!(often.len(), 5, "{often:?}");
    // What was raised before the first probe is part of it.
    let mut controller = ProbeController::default();
    controller.on_raised();
    let probes = asked(&mut controller, 0, 60_000, CALM);
    assert_eq!(probes.len(), usize::from(MAX_ATTEMPTS));
}

#[test]
fn after_a_sharp_drop_the_line_is_asked_when_it_is_calm() {
    let mut controller = started(estimate(3_000_000));
    let busy = Situation {
        calm: false,
        ..estimate(800_000)
    };
    assert_eq!(asked(&mut controller, 1000, 3000, busy), []);
    let probes = asked(&mut controller, 3000, 20_000, estimate(800_000));
    // Calm for a second, then after pauses of 4 and 5 seconds.
    let expected = [4000, 8000, 13_000, 18_000].map(|now| (now, 1_600_000));
    assert_eq!(probes, expected);
    // The line is full: who else is there keeps it.
    let aim = ask(&mut controller, 23_000, estimate(800_000)).unwrap();
    let verdict = controller.on_result(at(23_000), aim, measured(1_300_000, true), &busy);
    assert_eq!(verdict, Verdict::Ignore);
    // It is wide again: up to 0.85 of what was.
    let aim = ask(&mut controller, 28_000, estimate(800_000)).unwrap();
    let verdict = controller.on_result(at(28_100), aim, measured(1_600_000, false), &CALM);
    assert_eq!(verdict, Verdict::Raise(1.6e6));
    assert_eq!(
        ask(&mut controller, 28_100, estimate(1_600_000)),
        Some(2_550_000)
    );
    controller.on_result(at(28_200), 2_550_000, measured(2_550_000, false), &CALM);
    assert_eq!(
        asked(&mut controller, 28_300, 90_000, estimate(2_550_000)),
        []
    );
}

#[test]
fn a_drop_that_lasts_is_no_drop_any_more_and_a_gentle_one_is_none() {
    let mut controller = started(estimate(3_000_000));
    let last = asked(&mut controller, 1000, 300_000, estimate(800_000));
    let last = last.last().unwrap().0;
    assert!((110_000..122_000).contains(&last), "{last}");
    let mut controller = started(estimate(3_000_000));
    let probes = asked(&mut controller, 1000, 60_000, estimate(2_000_000));
    assert_eq!(probes, []);
}

#[test]
fn a_row_ends_with_an_overuse_and_when_it_waits_too_long() {
    let begin = || {
        let mut controller = ProbeController::default();
        let aim = ask(&mut controller, 0, CALM).unwrap();
        controller.on_result(at(100), aim, measured(aim, false), &CALM);
        controller
    };
    let grown = estimate(3_000_000);
    let busy = Situation {
        calm: false,
        ..grown
    };
    let mut controller = begin();
    assert_eq!(ask(&mut controller, 1000, busy), None);
    assert_eq!(ask(&mut controller, 4000, grown), Some(6_000_000));
    let mut controller = begin();
    assert_eq!(ask(&mut controller, 5200, grown), None);
    let mut controller = begin();
    controller.on_decrease();
    assert_eq!(ask(&mut controller, 200, grown), None);
}

#[test]
fn a_row_has_an_end_whatever_is_measured() {
    let mut controller = ProbeController::default();
    let endless = Situation {
        ceiling: u64::MAX,
        ..CALM
    };
    let mut count = 0;
    while let Some(aim) = ask(&mut controller, 0, endless) {
        controller.on_result(at(0), aim, measured(aim, false), &endless);
        count += 1;
    }
    assert_eq!(count, MAX_STEPS);
}
