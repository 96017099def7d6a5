//! Each kind of object, whole, as it is written.

mod streams;
mod transport;

use std::time::Duration;

use gannet_ice::{IceParameters, IceTransportState, Role};
use serde_json::json;

use super::*;
use crate::DtlsTransportState;
use crate::stats::*;

const MS: Duration = Duration::from_millis(1);

/// When the report is made, in milliseconds.
const NOW: f64 = 1_700_000_000_250.5;

fn wall_clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_250_500)
}

fn id(kind: StatsType, number: u32) -> StatsId {
    StatsId::new(kind, number)
}

/// A report of a transport that has just begun.
fn report() -> StatsReport {
    let transport = TransportStats {
        id: id(StatsType::Transport, 0),
        packets_sent: 1,
        packets_received: 2,
        bytes_sent: 3,
        bytes_received: 4,
        ice_role: Role::Controlled,
        ice_local_parameters: IceParameters {
            username_fragment: "name".to_owned(),
            password: "secret".to_owned(),
            ice_lite: false,
        },
        ice_state: IceTransportState::New,
        selected_candidate_pair_id: None,
        selected_candidate_pair_changes: 0,
        dtls_state: DtlsTransportState::New,
        dtls_role: None,
        tls_version: None,
        dtls_cipher: None,
        srtp_cipher: None,
        local_certificate_id: id(StatsType::Certificate, 0),
        remote_certificate_id: None,
    };
    StatsReport {
        timestamp: gannet_netsim::start(),
        wall_clock: wall_clock(),
        peer_connection: PeerConnectionStats {
            id: id(StatsType::PeerConnection, 0),
            data_channels_opened: 3,
            data_channels_closed: 1,
        },
        transport,
        codecs: Vec::new(),
        media_sources: Vec::new(),
        inbound_rtp: Vec::new(),
        outbound_rtp: Vec::new(),
        data_channels: Vec::new(),
        candidate_pairs: Vec::new(),
        local_candidates: Vec::new(),
        remote_candidates: Vec::new(),
        certificates: Vec::new(),
    }
}

/// What a report says of an object. Its name and type are checked and taken off, and the time, which is
/// `timestamp`.
fn members_of(report: &StatsReport, id: StatsId, timestamp: f64) -> Value {
    let mut json = serde_json::to_value(report).unwrap();
    let mut object = json[id.to_string()].take();
    let members = object.as_object_mut().expect("it is in the report");
    assert_eq!(members.remove("id"), Some(json!(id.to_string())));
    assert_eq!(members.remove("type"), Some(json!(id.kind().to_string())));
    assert_eq!(members.remove("timestamp"), Some(json!(timestamp)));
    object
}

#[test]
fn the_keys_are_the_names_of_the_objects() {
    let report = report();
    let json = serde_json::to_value(&report).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    let names = [report.peer_connection.id, report.transport.id].map(|id| id.to_string());
    assert_eq!(keys, names);
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("secret") && !text.contains("null"), "{text}");
}
