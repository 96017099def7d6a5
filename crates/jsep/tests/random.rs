//! Two sides that do whatever comes: after each exchange they agree.

mod peers;

use gannet_jsep::{
    Description, Direction, Jsep, LocalTransport, MediaKind, SdpType, SignalingState,
};
use peers::*;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    AddTrack(MediaKind),
    AddTransceiver(MediaKind, Direction),
    SetDirection(usize, Direction),
    RemoveTrack(usize),
    Stop(usize),
    Prefer(usize, usize),
    OpenData,
    Restart,
    Exchange,
    ExchangeProvisionally,
    OfferAndRollBack,
    OffersMeet,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = || prop_oneof![Just(MediaKind::Audio), Just(MediaKind::Video)];
    let direction = || any::<(bool, bool)>().prop_map(|(s, r)| Direction::new(s, r));
    prop_oneof![
        3 => kind().prop_map(Step::AddTrack),
        2 => (kind(), direction()).prop_map(|(kind, way)| Step::AddTransceiver(kind, way)),
        3 => (0..6_usize, direction()).prop_map(|(which, way)| Step::SetDirection(which, way)),
        1 => (0..6_usize).prop_map(Step::RemoveTrack),
        2 => (0..6_usize).prop_map(Step::Stop),
        1 => (0..6_usize, 0..9_usize).prop_map(|(which, codec)| Step::Prefer(which, codec)),
        1 => Just(Step::OpenData),
        1 => Just(Step::Restart),
        6 => Just(Step::Exchange),
        1 => Just(Step::ExchangeProvisionally),
        2 => Just(Step::OfferAndRollBack),
        1 => Just(Step::OffersMeet),
    ]
}

struct Side {
    jsep: Jsep,
    transport: LocalTransport,
    generation: u32,
    wants_restart: bool,
    ssrc: u32,
}

impl Side {
    fn new(name: &'static str, id: u64) -> Self {
        let ssrc = u32::try_from(id).unwrap() * 1000;
        Self {
            jsep: jsep(id),
            transport: transport(name),
            generation: 0,
            wants_restart: false,
            ssrc,
        }
    }

    fn renew(&mut self) {
        self.generation += 1;
        let name = self
            .transport
            .ice
            .username_fragment
            .get(..4)
            .unwrap()
            .to_owned();
        self.transport = restarted(&self.transport, &format!("{name}{}", self.generation));
    }

    /// What to offer with: new credentials if ICE shall restart.
    fn offering(&mut self) -> LocalTransport {
        if !self.wants_restart {
            return self.transport.clone();
        }
        let kept = self.transport.clone();
        self.renew();
        std::mem::replace(&mut self.transport, kept)
    }

    fn nth(&self, which: usize) -> Option<gannet_jsep::TransceiverId> {
        self.jsep
            .transceivers()
            .nth(which)
            .map(|transceiver| transceiver.id())
    }
}

/// One whole exchange, or as much of it as was asked for.
fn negotiate(offerer: &mut Side, answerer: &mut Side, provisional: bool) {
    let offered = offerer.offering();
    let offer = offerer.jsep.create_offer(&offered).unwrap();
    well_formed(&offer);
    offerer.jsep.set_local(&offer).unwrap();
    let asked = answerer.jsep.set_remote(&offer).unwrap();
    if asked.remote_ice_restart {
        answerer.renew();
    }
    if provisional {
        let answer = answerer.jsep.create_answer(&answerer.transport).unwrap();
        let pranswer = Description::new(SdpType::Pranswer, answer.sdp);
        let theirs = answerer.jsep.set_local(&pranswer).unwrap();
        let ours = offerer.jsep.set_remote(&pranswer).unwrap();
        mirrored(&ours, &theirs);
    }
    let answer = answerer.jsep.create_answer(&answerer.transport).unwrap();
    well_formed(&answer);
    let theirs = answerer.jsep.set_local(&answer).unwrap();
    let ours = offerer.jsep.set_remote(&answer).unwrap();
    mirrored(&ours, &theirs);
    offerer.transport = offered;
    offerer.wants_restart = false;
    if asked.remote_ice_restart {
        answerer.wants_restart = false;
    }
    assert_eq!(
        asked.remote_ice_restart,
        theirs.transport.is_some_and(|t| t.ice_restart)
    );
    assert!(
        !offerer.jsep.negotiation_needed(),
        "all that was wished for was offered"
    );
    let mut mids: Vec<_> = offerer
        .jsep
        .transceivers()
        .filter_map(|t| t.mid())
        .collect();
    mids.sort_unstable();
    let count = mids.len();
    mids.dedup();
    assert_eq!(mids.len(), count, "no two have the same name");
}

fn take(step: &Step, ours: &mut Side, theirs: &mut Side) {
    match step {
        Step::AddTrack(kind) => {
            ours.ssrc += 2;
            let rtx = (*kind == MediaKind::Video).then_some(ours.ssrc + 1);
            ours.jsep.add_track(*kind, sender("s", ours.ssrc, rtx));
        }
        Step::AddTransceiver(kind, direction) => {
            ours.jsep
                .add_transceiver(*kind, *direction, Default::default());
        }
        Step::SetDirection(which, direction) => {
            let _ = ours
                .nth(*which)
                .map(|id| ours.jsep.set_direction(id, *direction));
        }
        Step::RemoveTrack(which) => {
            let _ = ours.nth(*which).map(|id| ours.jsep.remove_track(id));
        }
        Step::Stop(which) => {
            let _ = ours.nth(*which).map(|id| ours.jsep.stop(id));
        }
        Step::Prefer(which, codec) => {
            let codec = capabilities().codecs.swap_remove(*codec);
            let _ = ours
                .nth(*which)
                .map(|id| ours.jsep.set_codec_preferences(id, vec![codec]));
        }
        Step::OpenData => ours.jsep.open_data(),
        Step::Restart => {
            ours.jsep.restart_ice();
            ours.wants_restart = true;
        }
        Step::Exchange => negotiate(ours, theirs, false),
        Step::ExchangeProvisionally => negotiate(ours, theirs, true),
        Step::OfferAndRollBack => {
            let offered = ours.offering();
            let offer = ours.jsep.create_offer(&offered).unwrap();
            ours.jsep.set_local(&offer).unwrap();
            theirs.jsep.set_remote(&offer).unwrap();
            ours.jsep.set_local(&Description::rollback()).unwrap();
            theirs.jsep.set_remote(&Description::rollback()).unwrap();
        }
        Step::OffersMeet => {
            let offered = theirs.offering();
            let polite = theirs.jsep.create_offer(&offered).unwrap();
            theirs.jsep.set_local(&polite).unwrap();
            negotiate(ours, theirs, false);
        }
    }
    assert_eq!(ours.jsep.signaling_state(), SignalingState::Stable);
    assert_eq!(theirs.jsep.signaling_state(), SignalingState::Stable);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn they_agree(steps in vec((any::<bool>(), step()), 1..30)) {
        let (mut a, mut b) = (Side::new("aaaa", 1), Side::new("bbbb", 2));
        for (first, step) in &steps {
            if *first {
                take(step, &mut a, &mut b);
            } else {
                take(step, &mut b, &mut a);
            }
        }
        negotiate(&mut a, &mut b, false);
        negotiate(&mut b, &mut a, false);
        // Now neither wishes for anything.
        prop_assert!(!a.jsep.negotiation_needed() && !b.jsep.negotiation_needed());
    }
}
