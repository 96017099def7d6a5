//! Application data is sealed and opened without an allocation.

mod support;

use gannet_alloc_count::allocations;
use gannet_dtls::{CipherSuite, Versions};
use support::{configs, connect, good_link, pair};

#[test]
fn data_is_sealed_and_opened_without_an_allocation() {
    for suite in CipherSuite::ALL.into_iter().filter(|suite| {
        let name = format!("{suite:?}");
        !name.contains("Rsa")
    }) {
        let versions = Versions::Only(suite.version());
        let configs = configs().map(|config| config.versions(versions).suites([suite]));
        let mut pair = pair(1, configs, good_link());
        connect(&mut pair);
        pair.run_until_idle();
        let now = gannet_netsim::start();
        let (mut buf, data) = (Vec::with_capacity(1500), [7; 1200]);
        let mut received = 0;
        let allocations = allocations(|| {
            for _ in 0..10 {
                buf.clear();
                let client = &mut pair.a.connection;
                client
                    .seal(&mut buf, |buf| buf.extend_from_slice(&data))
                    .unwrap();
                let server = &mut pair.b.connection;
                server.handle_packet(now, &mut buf, |data| received += data.len());
                assert!(server.poll_transmit(now, &mut buf).is_none());
            }
        });
        assert_eq!((allocations, received), (0, 12_000), "{suite:?}");
    }
}
