//! Which sections share the one transport (RFC 8843; RFC 9429 with the policy "must-bundle").

use gannet_sdp::attribute::Setup;

use crate::section::{Section, Session, Transport};
use crate::{DescriptionError, DtlsRole};

/// The outcome for an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// The sections that share the transport, in their order.
    pub(crate) members: Vec<usize>,
    /// The section whose transport attributes hold for all of them.
    pub(crate) source: usize,
    /// Whether the offer has a group that they belong to.
    pub(crate) grouped: bool,
}

/// Chooses among the sections that are acceptable for themselves: the first one, and those that are in
/// its group, or, without one, those that have the same credentials.
pub(crate) fn choose(offer: &Session, acceptable: &[bool]) -> Option<Bundle> {
    let accepted = |index: &usize| acceptable.get(*index).copied().unwrap_or(false);
    let first = (0..offer.sections.len()).find(accepted)?;
    let first_section = offer.sections.get(first)?;
    let group = first_section
        .mid
        .as_ref()
        .and_then(|mid| offer.bundles.iter().find(|bundle| bundle.contains(mid)));
    let Some(group) = group else {
        let same = |index: &usize| {
            let Some(section) = offer.sections.get(*index) else {
                return false;
            };
            *index == first || section.transport.same_credentials(&first_section.transport)
        };
        let members = (0..offer.sections.len())
            .filter(accepted)
            .filter(same)
            .collect();
        return Some(Bundle {
            members,
            source: first,
            grouped: false,
        });
    };
    let mut members: Vec<usize> = group
        .iter()
        .filter_map(|mid| offer.index_of(mid))
        .filter(accepted)
        .collect();
    members.sort_unstable();
    members.dedup();
    // The first section with attributes of its own, else the one that the offerer has tagged.
    let own = |index: &usize| {
        offer
            .sections
            .get(*index)
            .is_some_and(|section| section.transport.ufrag.is_some())
    };
    let tagged = group.iter().filter_map(|mid| offer.index_of(mid)).find(own);
    let source = members
        .iter()
        .copied()
        .find(own)
        .or(tagged)
        .unwrap_or(first);
    Some(Bundle {
        members,
        source,
        grouped: true,
    })
}

/// Whether a section multiplexes RTP and RTCP, for itself or through the group's tagged section, where
/// the attribute may stand for all of them (RFC 8859, category IDENTICAL).
pub(crate) fn has_in_group(
    session: &Session,
    section: &Section,
    has: impl Fn(&Transport) -> bool,
) -> bool {
    let Some(mid) = &section.mid else {
        return has(&section.transport);
    };
    let tagged = session
        .bundles
        .iter()
        .find(|bundle| bundle.contains(mid))
        .and_then(|bundle| session.index_of(bundle.first()?))
        .and_then(|index| session.sections.get(index));
    has(&section.transport) || tagged.is_some_and(|tagged| has(&tagged.transport))
}

/// A transport that lacks nothing.
pub(crate) fn check(section: &Section) -> Result<(), DescriptionError> {
    let transport = &section.transport;
    let missing = [
        ("ice-ufrag", transport.ufrag.is_none()),
        ("ice-pwd", transport.password.is_none()),
        ("fingerprint", transport.fingerprints.is_empty()),
    ];
    match missing.iter().find(|(_, missing)| *missing) {
        Some((attribute, _)) => Err(DescriptionError::Missing {
            line: section.line,
            attribute,
        }),
        None => Ok(()),
    }
}

/// Our role by the offer's `setup` (RFC 8842, section 5.3): we begin if the choice is ours, unless an
/// association goes on in which the roles are given.
pub(crate) fn role_for_offer(
    section: &Section,
    current: Option<DtlsRole>,
) -> Result<DtlsRole, DescriptionError> {
    match section.transport.setup {
        Some(Setup::Actpass) => Ok(current.unwrap_or(DtlsRole::Client)),
        // An offer that says nothing means `active` (RFC 4145, section 4).
        Some(Setup::Active) | None => Ok(DtlsRole::Server),
        Some(Setup::Passive) => Ok(DtlsRole::Client),
        Some(Setup::Holdconn) => Err(setup_error(section, "active, passive or actpass")),
    }
}

/// Our role by the answer's `setup`, our offer having said `actpass`.
pub(crate) fn role_for_answer(section: &Section) -> Result<DtlsRole, DescriptionError> {
    match section.transport.setup {
        Some(Setup::Active) => Ok(DtlsRole::Server),
        // An answer that says nothing means `passive` (RFC 4145, section 4).
        Some(Setup::Passive) | None => Ok(DtlsRole::Client),
        Some(Setup::Actpass | Setup::Holdconn) => Err(setup_error(section, "active or passive")),
    }
}

fn setup_error(section: &Section, expected: &'static str) -> DescriptionError {
    DescriptionError::Value {
        line: section.line,
        attribute: "setup",
        expected,
        found: section.transport.setup.map_or("", Setup::as_str).to_owned(),
    }
}
