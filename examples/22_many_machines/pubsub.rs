//! The other way, which is kept to be seen failing: `PUBLISH` gives a line to those who
//! have subscribed at this moment. The broker keeps nothing, and nobody can ask again.

use std::time::Duration;

use redis::RedisResult;

use crate::broker::{Broker, News, STREAM, connect};
use crate::support::text::harmless;

/// How long one wait takes, before it looks whether the server stops.
const TURN: Duration = Duration::from_millis(300);

// [follow]
/// Reports what is published, as long as the broker answers.
pub(crate) fn follow(
    broker: &Broker,
    stops: &impl Fn() -> bool,
    report: impl Fn(News),
) -> RedisResult<()> {
    let mut connection = connect(&broker.clients()[0])?;
    let mut subscription = connection.as_pubsub();
    subscription.subscribe(STREAM)?;
    subscription.set_read_timeout(Some(TURN))?;
    report(News::Line("-- subscribed".to_owned()));
    while !stops() {
        match subscription.get_message() {
            Ok(message) => {
                let line = String::from_utf8_lossy(message.get_payload_bytes());
                report(News::Line(line.chars().map(harmless).collect()));
            }
            Err(error) if error.is_timeout() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
// [/follow]
