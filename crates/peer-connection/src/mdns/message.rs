//! The few DNS messages that this takes (RFC 1035, section 4.1; RFC 6762, section 18).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gannet_wire::{ReadError, Reader, Writer};

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const TYPE_ANY: u16 = 255;
const CLASS_IN: u16 = 1;
/// The record is all that there is under its name (RFC 6762, section 10.2).
const CACHE_FLUSH: u16 = 0x8000;
/// A response by somebody who owns the name (RFC 6762, sections 18.2 and 18.4).
const AUTHORITATIVE_RESPONSE: u16 = 0x8400;
/// Seconds that an address may be kept (RFC 6762, section 10).
const TIME_TO_LIVE: u32 = 120;
/// The same for ordinary resolvers (RFC 6762, section 6.7).
const LEGACY_TIME_TO_LIVE: u32 = 10;
/// The longest name in bytes (RFC 1035, section 3.1, without the lengths of the first and last label).
const MAX_NAME: usize = 253;
/// A name may jump back this often before we call it a loop (RFC 1035, section 4.1.4).
const MAX_POINTERS: usize = 16;

/// A query for the IPv4 and the IPv6 address of `name` (RFC 1035, section 4.1).
pub(super) fn write_query(name: &str) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_local = name.len() <= MAX_NAME && name.to_ascii_lowercase().ends_with(".local");
    let is_label = |label: &str| !label.is_empty() && label.len() <= 63;
    if !is_local || !name.split('.').all(is_label) {
        return None;
    }
    let mut query = Vec::new();
    let mut writer = Writer::new(&mut query);
    // Id and flags are zero (RFC 6762, section 18); two questions, nothing else.
    for field in [0, 0, 2, 0, 0, 0] {
        writer.u16(field);
    }
    for kind in [TYPE_A, TYPE_AAAA] {
        write_name(&mut writer, name);
        writer.u16(kind);
        writer.u16(CLASS_IN);
    }
    writer.finish().ok()?;
    Some(query)
}

/// A response with an address for each name. One to an ordinary resolver, which asked from another port
/// than mDNS's, has its id and its questions (RFC 6762, section 6.7).
pub(super) fn write_response(
    legacy_id: Option<u16>,
    answers: &[(&str, IpAddr)],
) -> Option<Vec<u8>> {
    let count = u16::try_from(answers.len()).ok()?;
    let questions = if legacy_id.is_some() { count } else { 0 };
    let mut response = Vec::new();
    let mut writer = Writer::new(&mut response);
    for field in [
        legacy_id.unwrap_or(0),
        AUTHORITATIVE_RESPONSE,
        questions,
        count,
        0,
        0,
    ] {
        writer.u16(field);
    }
    if legacy_id.is_some() {
        for (name, address) in answers {
            write_name(&mut writer, name);
            writer.u16(record_type(*address));
            writer.u16(CLASS_IN);
        }
    }
    let (class, time_to_live) = match legacy_id {
        Some(_) => (CLASS_IN, LEGACY_TIME_TO_LIVE),
        None => (CLASS_IN | CACHE_FLUSH, TIME_TO_LIVE),
    };
    for (name, address) in answers {
        write_name(&mut writer, name);
        writer.u16(record_type(*address));
        writer.u16(class);
        writer.u32(time_to_live);
        let mut data = writer.prefixed_u16("record data");
        match address {
            IpAddr::V4(address) => data.bytes(&address.octets()),
            IpAddr::V6(address) => data.bytes(&address.octets()),
        };
    }
    writer.finish().ok()?;
    Some(response)
}

fn write_name(writer: &mut Writer<'_>, name: &str) {
    for label in name.split('.') {
        writer.prefixed_u8("label").bytes(label.as_bytes());
    }
    writer.u8(0);
}

const fn record_type(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => TYPE_A,
        IpAddr::V6(_) => TYPE_AAAA,
    }
}

/// What the message is, and how much is in it.
struct Header {
    id: u16,
    is_response: bool,
    questions: u16,
    records: u32,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        let id = reader.u16("id")?;
        let flags = reader.u16("flags")?;
        let questions = reader.u16("question count")?;
        let mut records = u32::from(reader.u16("answer count")?);
        records += u32::from(reader.u16("authority count")?);
        records += u32::from(reader.u16("additional count")?);
        Ok(Self {
            id,
            is_response: flags & 0x8000 != 0,
            questions,
            records,
        })
    }
}

/// A question for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    name: String,
    kind: u16,
}

impl Question {
    /// Whether `address` under `name` is what is asked for.
    pub(super) fn asks_for(&self, name: &str, address: IpAddr) -> bool {
        let fits = self.kind == TYPE_ANY || self.kind == record_type(address);
        fits && self.name.eq_ignore_ascii_case(name)
    }
}

/// The id and the questions of a query; `None` if it is a response.
pub(super) fn read_query(message: &[u8]) -> Result<Option<(u16, Vec<Question>)>, ReadError> {
    let mut reader = Reader::new(message);
    let header = Header::read(&mut reader)?;
    if header.is_response {
        return Ok(None);
    }
    let mut questions = Vec::new();
    for _ in 0..header.questions {
        let name = read_name(&mut reader, message)?;
        let kind = reader.u16("type")?;
        reader.u16("class")?;
        questions.push(Question { name, kind });
    }
    Ok(Some((header.id, questions)))
}

/// The first address that `message` gives for `name`, if it is a response.
pub(super) fn find_answer(message: &[u8], name: &str) -> Result<Option<IpAddr>, ReadError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut reader = Reader::new(message);
    let header = Header::read(&mut reader)?;
    if !header.is_response {
        return Ok(None);
    }
    for _ in 0..header.questions {
        read_name(&mut reader, message)?;
        reader.u32("question")?;
    }
    for _ in 0..header.records {
        let owner = read_name(&mut reader, message)?;
        let kind = reader.u16("type")?;
        reader.u16("class")?;
        reader.u32("time to live")?;
        let mut data = reader.prefixed_u16("record data")?;
        if !owner.eq_ignore_ascii_case(name) {
            continue;
        }
        match kind {
            TYPE_A => {
                let octets: [u8; 4] = data.take_array("IPv4 address")?;
                return Ok(Some(Ipv4Addr::from(octets).into()));
            }
            TYPE_AAAA => {
                let octets: [u8; 16] = data.take_array("IPv6 address")?;
                return Ok(Some(Ipv6Addr::from(octets).into()));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Reads a name, following its pointers (RFC 1035, section 4.1.4).
fn read_name<'a>(reader: &mut Reader<'a>, message: &'a [u8]) -> Result<String, ReadError> {
    let mut name = String::new();
    let mut elsewhere: Option<Reader<'a>> = None;
    let mut pointers = 0;
    loop {
        let current = elsewhere.as_mut().unwrap_or(reader);
        let len = current.u8("label")?;
        match len {
            0 => return Ok(name),
            0xc0.. => {
                let low = current.u8("label pointer")?;
                pointers += 1;
                let offset = (usize::from(len & 0x3f) << 8) | usize::from(low);
                let target = if pointers > MAX_POINTERS {
                    None
                } else {
                    message.get(offset..)
                };
                elsewhere = Some(Reader::new(target.unwrap_or_default()));
            }
            _ => {
                let label = current.take(usize::from(len), "label")?;
                if name.len() + label.len() > MAX_NAME {
                    return Reader::new(&[])
                        .u8("name of at most 253 bytes")
                        .map(|_| name);
                }
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(&String::from_utf8_lossy(label));
            }
        }
    }
}

/// The body of the fuzz target: any bytes as a message.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(message: &[u8]) {
    let name = "a.local";
    let _ = find_answer(message, name);
    if let Ok(Some((id, questions))) = read_query(message) {
        for question in questions {
            assert!(
                question.name.len() <= 3 * MAX_NAME,
                "lossy UTF-8 triples it"
            );
            let answers = [(name, IpAddr::from([127, 0, 0, 1]))];
            let response = write_response(Some(id), &answers).expect("it is short");
            assert_eq!(find_answer(&response, name), Ok(Some(answers[0].1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "4c0b5c1e-8c0f-4f1c-a7b5-2f6f3f9a7e11.local";

    /// A response whose record owner is a pointer to the question's name.
    fn response(kind: u16, address: &[u8]) -> Vec<u8> {
        let mut message = write_query(NAME).unwrap();
        message[2] = 0x84;
        message[7] = 1;
        let mut writer = Writer::new(&mut message);
        writer.u16(0xc00c);
        writer.u16(kind);
        writer.u16(0x8001);
        writer.u32(120);
        writer.prefixed_u16("data").bytes(address);
        writer.finish().unwrap();
        message
    }

    #[test]
    fn addresses_are_found_behind_name_pointers() {
        let v4 = find_answer(&response(TYPE_A, &[10, 9, 9, 1]), NAME).unwrap();
        assert_eq!(v4, Some(IpAddr::from([10, 9, 9, 1])));
        let v6 = find_answer(&response(TYPE_AAAA, &[0xfd; 16]), &NAME.to_uppercase()).unwrap();
        assert_eq!(v6, Some(IpAddr::from([0xfd; 16])));
    }

    #[test]
    fn answers_for_others_and_queries_are_passed_over() {
        let message = response(TYPE_A, &[10, 9, 9, 1]);
        assert_eq!(find_answer(&message, "other.local").unwrap(), None);
        assert_eq!(
            find_answer(&write_query(NAME).unwrap(), NAME).unwrap(),
            None
        );
    }

    #[test]
    fn truncated_messages_and_pointer_loops_are_errors() {
        let message = response(TYPE_A, &[10, 9, 9, 1]);
        for len in 0..message.len() {
            assert!(find_answer(&message[..len], NAME).is_err(), "{len} bytes");
        }
        let mut looping = response(TYPE_A, &[10, 9, 9, 1]);
        looping[12..14].copy_from_slice(&[0xc0, 0x0c]);
        assert!(find_answer(&looping, NAME).is_err());
    }

    #[test]
    fn only_local_names_are_asked_for() {
        for name in ["example.com", "local", "a..local", ""] {
            assert!(write_query(name).is_none(), "{name}");
        }
        assert!(write_query(&format!("{}.local", "a".repeat(64))).is_none());
    }

    #[test]
    fn a_response_answers_the_query_for_its_name() {
        let v4 = IpAddr::from([10, 9, 9, 1]);
        let v6 = IpAddr::from([0xfd; 16]);
        let (id, questions) = read_query(&write_query(NAME).unwrap()).unwrap().unwrap();
        assert_eq!((id, questions.len()), (0, 2));
        assert!(questions[0].asks_for(&NAME.to_uppercase(), v4));
        assert!(!questions[0].asks_for(NAME, v6) && questions[1].asks_for(NAME, v6));
        assert!(!questions[0].asks_for("other.local", v4));
        for address in [v4, v6] {
            for legacy_id in [None, Some(7)] {
                let answers = [("other.local", v4), (NAME, address)];
                let response = write_response(legacy_id, &answers).unwrap();
                assert_eq!(read_query(&response).unwrap(), None);
                assert_eq!(find_answer(&response, NAME).unwrap(), Some(address));
                assert_eq!(response[1], legacy_id.unwrap_or(0) as u8);
            }
        }
    }

    #[test]
    fn names_longer_than_any_are_errors() {
        let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for _ in 0..5 {
            message.push(63);
            message.extend([b'x'; 63]);
        }
        message.extend([0, 0, 1, 0, 1]);
        assert!(read_query(&message).is_err());
    }
}
