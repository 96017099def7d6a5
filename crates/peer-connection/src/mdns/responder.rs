//! Answering for our own names (RFC 6762, section 6).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::message::{read_query, write_response};
use super::{MAX_MESSAGE, PORT, multicast, open};
use crate::endpoint::lock;

/// A name is told to all no more often than this (RFC 6762, section 6).
const PAUSE: Duration = Duration::from_secs(1);
/// The most names: an agent has no more candidates.
const MAX_NAMES: usize = 64;

/// Answers questions for names until it is dropped.
#[derive(Debug)]
pub(crate) struct Responder {
    names: Arc<Mutex<Vec<Published>>>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Published {
    name: String,
    address: IpAddr,
    told: Option<Instant>,
}

impl Responder {
    /// Listens on every interface that has one of `interfaces` as its address.
    pub(crate) fn start(runtime: &Handle, interfaces: Vec<IpAddr>) -> io::Result<Self> {
        let socket = {
            let _inside = runtime.enter();
            open(&interfaces)?
        };
        let names = Arc::new(Mutex::new(Vec::new()));
        let task = runtime.spawn(answer(socket, interfaces, Arc::clone(&names)));
        Ok(Self {
            names,
            task: task.abort_handle(),
        })
    }

    /// Answers for `name` from now on.
    pub(crate) fn publish(&self, name: String, address: IpAddr) {
        let mut names = lock(&self.names);
        if names.len() < MAX_NAMES {
            names.push(Published {
                name,
                address,
                told: None,
            });
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(socket: UdpSocket, interfaces: Vec<IpAddr>, names: Arc<Mutex<Vec<Published>>>) {
    let mut buffer = [0; MAX_MESSAGE];
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let message = buffer.get(..len).unwrap_or_default();
        let Some(response) = respond(message, from, &mut lock(&names), Instant::now()) else {
            continue;
        };
        if is_legacy(from) {
            // What is lost is asked for again.
            let _ = socket.send_to(&response, from).await;
        } else {
            multicast(&socket, &response, &interfaces).await;
        }
    }
}

/// Ordinary resolvers ask from any port and expect the answer there. Everybody else is answered by
/// multicast, even who would like it otherwise: on one machine, several programs share the mDNS port, and
/// only a multicast reaches all of them (RFC 6762, section 15.1).
const fn is_legacy(from: SocketAddr) -> bool {
    from.port() != PORT
}

fn respond(
    message: &[u8],
    from: SocketAddr,
    names: &mut [Published],
    now: Instant,
) -> Option<Vec<u8>> {
    let (id, questions) = read_query(message).ok()??;
    let mut answers = Vec::new();
    for published in names {
        let Published {
            name,
            address,
            told,
        } = published;
        let asked = questions
            .iter()
            .any(|question| question.asks_for(name, *address));
        let told_lately = told.is_some_and(|told| now.duration_since(told) < PAUSE);
        if !asked || (told_lately && !is_legacy(from)) {
            continue;
        }
        if !is_legacy(from) {
            *told = Some(now);
        }
        answers.push((name.as_str(), *address));
    }
    if answers.is_empty() {
        return None;
    }
    write_response(is_legacy(from).then_some(id), &answers)
}

#[cfg(test)]
mod tests {
    use super::super::message::{find_answer, write_query};
    use super::*;

    #[test]
    fn our_names_are_answered_once_a_second_and_others_never() {
        let ours = IpAddr::from([192, 0, 2, 1]);
        let mut names = [Published {
            name: "ours.local".to_owned(),
            address: ours,
            told: None,
        }];
        let now = Instant::now();
        let mut ask = |name, port, after| {
            let query = write_query(name).unwrap();
            let from = SocketAddr::from(([192, 0, 2, 2], port));
            respond(&query, from, &mut names, now + Duration::from_millis(after))
        };
        assert_eq!(ask("other.local", PORT, 0), None);
        let response = ask("OURS.local", PORT, 0).unwrap();
        assert_eq!(find_answer(&response, "ours.local").unwrap(), Some(ours));
        assert_eq!(ask("ours.local", PORT, 999), None);
        assert!(ask("ours.local", 40_000, 999).is_some());
        assert!(ask("ours.local", PORT, 1_000).is_some());
    }
}
