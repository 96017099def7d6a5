use proptest::prelude::*;

use super::*;

fn payload(message: usize, at: usize) -> Vec<u8> {
    (0..=at % 5)
        .map(|i| (message * 37 + at * 5 + i) as u8)
        .collect()
}

/// A fragment with all that a chunk says.
#[derive(Clone, Debug)]
struct Piece {
    tsn: u64,
    stream: u16,
    number: u32,
    fsn: u32,
    fragment: Fragment,
    payload: Vec<u8>,
}

/// The fragments of messages with so many fragments each, one behind the other, on two streams.
fn cut(messages: &[(usize, bool)]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut numbers = [[0; 2]; 2];
    for (message, &(count, unordered)) in messages.iter().enumerate() {
        let number = &mut numbers[message % 2][usize::from(unordered)];
        for at in 0..count {
            pieces.push(Piece {
                tsn: 1000 + pieces.len() as u64,
                stream: (message % 2) as u16,
                number: *number,
                fsn: at as u32,
                fragment: Fragment {
                    beginning: at == 0,
                    end: at + 1 == count,
                    unordered,
                    immediate: false,
                },
                payload: payload(message, at),
            });
        }
        *number += 1;
    }
    pieces
}

fn push(reassembly: &mut Reassembly, piece: &Piece) -> Result<(), MessageTooLarge> {
    reassembly.push(&DataChunk {
        tsn: piece.tsn,
        stream: StreamId(piece.stream),
        number: piece.number,
        fsn: piece.fsn,
        ppid: Ppid(53),
        fragment: piece.fragment,
        payload: &piece.payload,
    })
}

proptest! {
    #[test]
    fn fragments_in_any_order_give_the_messages(
        messages in prop::collection::vec((1_usize..8, any::<bool>()), 1..20),
        order in any::<u64>(), interleaving: bool,
    ) {
        let mut pieces = cut(&messages);
        // A shuffle that keeps some neighbours together, as a network does.
        let mut seed = order | 1;
        pieces.sort_by_cached_key(|piece| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            piece.tsn + (seed >> 59)
        });
        let mut reassembly = Reassembly::new(interleaving, 1000);
        let mut delivered = Vec::new();
        for piece in &pieces {
            push(&mut reassembly, piece).unwrap();
            delivered.extend(std::iter::from_fn(|| reassembly.pop()));
        }
        prop_assert_eq!(reassembly.held(), 0);
        for stream in 0..2 {
            for unordered in [false, true] {
                let mut expected: Vec<Vec<u8>> = messages
                    .iter()
                    .enumerate()
                    .filter(|(message, (_, is))| message % 2 == stream && *is == unordered)
                    .map(|(message, (count, _))| {
                        (0..*count).flat_map(|at| payload(message, at)).collect()
                    })
                    .collect();
                let mut got: Vec<Vec<u8>> = delivered
                    .iter()
                    .filter(|m| usize::from(m.stream.0) == stream && m.unordered == unordered)
                    .map(|m| m.data.to_vec())
                    .collect();
                if unordered {
                    expected.sort();
                    got.sort();
                }
                prop_assert_eq!(got, expected);
            }
        }
    }
}

#[test]
fn skipping_frees_what_was_held() {
    for interleaving in [false, true] {
        let mut reassembly = Reassembly::new(interleaving, 1000);
        let pieces = cut(&[(3, false), (1, false), (2, false), (3, true)]);
        // The second stream's message is there; the first stream's lacks its end, and the next one waits.
        for index in [0, 1, 3, 4, 5, 6] {
            push(&mut reassembly, &pieces[index]).unwrap();
        }
        assert_eq!(
            reassembly.pop().map(|message| message.stream),
            Some(StreamId(1))
        );
        assert!(reassembly.pop().is_none());
        assert!(reassembly.held() > 0);
        if interleaving {
            reassembly.skip_messages(StreamId(0), false, Serial32(0));
            reassembly.skip_messages(StreamId(1), true, Serial32(0));
        } else {
            reassembly.forward(1002);
            reassembly.skip_ordered(StreamId(0), 0);
            reassembly.forward(1008);
        }
        let message = reassembly.pop().unwrap();
        assert_eq!(
            message.data.len(),
            payload(2, 0).len() + payload(2, 1).len()
        );
        assert_eq!(reassembly.held(), 0);
    }
}

#[test]
fn a_reset_frees_what_was_held() {
    let mut reassembly = Reassembly::new(true, 1000);
    let pieces = cut(&[(3, false), (3, false), (2, false)]);
    for index in [0, 3, 6, 7] {
        push(&mut reassembly, &pieces[index]).unwrap();
    }
    reassembly.reset(&[StreamId(0)]);
    let one = RUN_COST + pieces[3].payload.len();
    assert_eq!(reassembly.held(), one);
    reassembly.reset(&[]);
    assert_eq!(reassembly.held(), 0);
}

#[test]
fn a_message_is_not_longer_than_allowed() {
    let mut reassembly = Reassembly::new(false, 10);
    let mut piece = cut(&[(9, false)]).remove(0);
    piece.payload = vec![0; 6];
    push(&mut reassembly, &piece).unwrap();
    piece.tsn += 1;
    piece.fragment.beginning = false;
    assert_eq!(push(&mut reassembly, &piece), Err(MessageTooLarge));
}

/// The memory that fragments take, in bytes: their buffers, and the places of these.
fn memory(reassembly: &Reassembly) -> usize {
    let runs = reassembly.runs.values().chain(&reassembly.current);
    runs.map(|run| {
        let places = run.pieces.capacity() * size_of::<Vec<u8>>();
        places + run.pieces.iter().map(Vec::capacity).sum::<usize>()
    })
    .sum()
}

fn piece(number: u32, fsn: u32, beginning: bool, end: bool, len: usize) -> Piece {
    Piece {
        tsn: u64::from(number) << 20 | u64::from(fsn),
        stream: 1,
        number,
        fsn,
        fragment: Fragment {
            beginning,
            end,
            ..Fragment::default()
        },
        payload: vec![7; len],
    }
}

#[test]
fn what_is_set_aside_for_a_message_is_bounded_too() {
    let mut reassembly = Reassembly::new(true, 1 << 20);
    // A long message, behind which a thousand others begin and do not go on.
    for (fsn, beginning) in [(0, true), (1, false)] {
        push(
            &mut reassembly,
            &piece(0, fsn, beginning, !beginning, 500_000),
        )
        .unwrap();
    }
    assert!(reassembly.pop().is_some());
    for number in 1..=1000 {
        push(&mut reassembly, &piece(number, 0, true, false, 1)).unwrap();
    }
    assert!(memory(&reassembly) < 1_000_000 + 4 * reassembly.held());
}

#[test]
fn fragments_that_come_last_one_first_count_what_they_cost() {
    let mut reassembly = Reassembly::new(true, 1 << 20);
    for fsn in (1..10_000).rev() {
        push(&mut reassembly, &piece(0, fsn, false, fsn == 9999, 1)).unwrap();
    }
    assert!(memory(&reassembly) <= reassembly.held());
    push(&mut reassembly, &piece(0, 0, true, false, 1)).unwrap();
    assert_eq!(reassembly.held(), 0);
    assert_eq!(
        reassembly.pop().map(|message| message.data.len()),
        Some(10_000)
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
fn what_a_chunk_asks_for_costs_no_more_than_it_finds() {
    let mut reassembly = Reassembly::new(true, 1000);
    for number in 0..50_000 {
        push(&mut reassembly, &piece(number + 10, 0, true, false, 1)).unwrap();
    }
    let started = std::time::Instant::now();
    // As many as fit into a few large packets.
    for _ in 0..30_000 {
        reassembly.skip_messages(StreamId(1), false, Serial32(9));
    }
    for _ in 0..40 {
        let streams: Vec<_> = (100..228).map(StreamId).collect();
        reassembly.reset(&streams);
    }
    // Looking at everything for each of them takes a quarter of a minute.
    assert!(started.elapsed().as_secs() < 3, "{:?}", started.elapsed());
    reassembly.skip_messages(StreamId(1), false, Serial32(1009));
    assert_eq!(reassembly.held(), 49_000 * (RUN_COST + 1));
    reassembly.reset(&[StreamId(0), StreamId(1)]);
    assert_eq!(reassembly.held(), 0);
}

#[test]
fn skipped_numbers_wrap() {
    let mut reassembly = Reassembly::new(true, 1000);
    for number in [u32::MAX - 1, u32::MAX, 0, 1, 2] {
        push(&mut reassembly, &piece(number, 0, true, false, 1)).unwrap();
    }
    reassembly.skip_messages(StreamId(1), false, Serial32(0));
    let left: Vec<_> = reassembly.runs.values().map(|run| run.number).collect();
    assert_eq!(left, [1, 2]);
}
