//! A report as W3C's JSON.

mod streams;
#[cfg(test)]
mod tests;
mod transport;

use std::time::{Instant, SystemTime};

use gannet_rtp::WallClock;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{StatsId, StatsReport};

/// W3C's JSON: an object whose keys are the names of the report's objects, and whose values are their
/// dictionaries.
impl Serialize for StatsReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let objects = Objects::of(self).map_err(S::Error::custom)?;
        objects.by_id.serialize(serializer)
    }
}

/// The name as [`Display`](std::fmt::Display) writes it.
impl Serialize for StatsId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The dictionaries of a report by their names.
struct Objects {
    clock: WallClock,
    /// When the report was made.
    now: f64,
    by_id: Map<String, Value>,
}

impl Objects {
    fn of(report: &StatsReport) -> serde_json::Result<Self> {
        let mut objects = Self {
            clock: WallClock::new(report.timestamp, report.wall_clock),
            now: milliseconds(report.wall_clock),
            by_id: Map::new(),
        };
        objects.add_transport(report)?;
        objects.add_streams(report)?;
        Ok(objects)
    }

    /// Adds a dictionary of the time at which the report was made.
    fn add(&mut self, id: StatsId, members: &impl Serialize) -> serde_json::Result<()> {
        self.add_of(self.now, id, members)
    }

    /// Adds a dictionary of another time. Members that are `None` do not exist.
    fn add_of(
        &mut self,
        timestamp: f64,
        id: StatsId,
        members: &impl Serialize,
    ) -> serde_json::Result<()> {
        let Value::Object(mut object) = serde_json::to_value(members)? else {
            return Err(serde_json::Error::custom("a dictionary is an object"));
        };
        object.retain(|_, value| !value.is_null());
        object.insert("id".to_owned(), serde_json::to_value(id)?);
        object.insert("type".to_owned(), id.kind().to_string().into());
        object.insert("timestamp".to_owned(), timestamp.into());
        self.by_id.insert(id.to_string(), Value::Object(object));
        Ok(())
    }

    /// W3C's `DOMHighResTimeStamp`, as browsers have it in their statistics.
    fn time(&self, instant: Instant) -> f64 {
        milliseconds(self.clock.system_time(instant))
    }
}

/// Since the Unix epoch; 0 for what was before.
fn milliseconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    // Whole microseconds are what a double can hold until the year 2255.
    since.map_or(0.0, |since| since.as_micros() as f64 / 1000.0)
}
