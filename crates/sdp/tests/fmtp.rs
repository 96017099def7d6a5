//! Parameters of formats: what is written is read again.

use gannet_sdp::fmtp::{
    Av1, H264, H265, Opus, Parameters, ProfileLevelId, Red, Rtx, TelephoneEvent, Vp8, Vp9,
};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn audio(
        numbers in any::<[Option<u32>; 4]>(), flags in any::<[Option<bool>; 5]>(),
        events in vec(any::<(u8, u8)>(), 1..6), payload_types in vec(0_u8..128, 1..4),
    ) {
        let [maxplaybackrate, sprop_maxcapturerate, minptime, maxaveragebitrate] = numbers;
        let [stereo, sprop_stereo, cbr, useinbandfec, usedtx] = flags;
        let opus = Opus {
            maxplaybackrate, sprop_maxcapturerate, minptime, maxaveragebitrate,
            stereo, sprop_stereo, cbr, useinbandfec, usedtx,
        };
        prop_assert_eq!(Opus::parse(&opus.to_string()), Ok(opus));
        let events = TelephoneEvent { events };
        prop_assert_eq!(TelephoneEvent::parse(&events.to_string()), Ok(events));
        let red = Red { payload_types };
        prop_assert_eq!(Red::parse(&red.to_string()), Ok(red));
    }

    #[test]
    fn video(
        max_fr: Option<u32>, max_fs: Option<u32>, bytes: [u8; 3], apt in 0_u8..128,
        packetization_mode in 0_u8..3, level_asymmetry_allowed: bool,
    ) {
        let [one, two, three] = bytes;
        let vp8 = Vp8 { max_fr, max_fs };
        prop_assert_eq!(Vp8::parse(&vp8.to_string()), Ok(vp8));
        let vp9 = Vp9 { profile_id: one, max_fr, max_fs };
        prop_assert_eq!(Vp9::parse(&vp9.to_string()), Ok(vp9));
        let av1 = Av1 { profile: one, level_idx: two, tier: three };
        prop_assert_eq!(Av1::parse(&av1.to_string()), Ok(av1));
        let h265 = H265 { profile_id: one, tier_flag: two, level_id: three };
        prop_assert_eq!(H265::parse(&h265.to_string()), Ok(h265));
        let profile_level_id = ProfileLevelId(bytes);
        let h264 = H264 { profile_level_id, packetization_mode, level_asymmetry_allowed };
        prop_assert_eq!(H264::parse(&h264.to_string()), Ok(h264));
        let rtx = Rtx { apt, rtx_time: max_fr };
        prop_assert_eq!(Rtx::parse(&rtx.to_string()), Ok(rtx));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "([a-z-]{1,12}=?[0-9a-f-]{0,8} ?;? ?){0,5}") {
        let names = Parameters::new(&text).iter().count();
        prop_assert!(names <= text.matches(';').count() + 1);
        let _ = (Opus::parse(&text), H264::parse(&text), Vp9::parse(&text), Rtx::parse(&text));
    }
}
