//! The time of a response, for the header `Date`.

use std::time::{SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

/// A time as `Sun, 06 Nov 1994 08:49:37 GMT`; `None` if the clock is wrong and shows a
/// time before 1970.
///
/// The standard library knows how many seconds have passed since 1970, but it has no
/// calendar. So we subtract the years one after the other, and then the months.
pub(crate) fn date(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let mut day = seconds / 86_400; // full days since 1970
    let name = DAYS[(day % 7) as usize]; // the first day of 1970 was a Thursday
    let mut year = 1970;
    while day >= 365 + leap_day(year) {
        day -= 365 + leap_day(year);
        year += 1;
    }
    let mut months = MONTHS;
    months[1].1 += leap_day(year);
    let month = months.iter().find(|(_, length)| {
        let over = day >= *length;
        day -= if over { *length } else { 0 };
        !over
    })?;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    Some(format!(
        "{name}, {:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT",
        day + 1,
        month.0
    ))
}

/// The extra day that February has in a leap year.
fn leap_day(year: u64) -> u64 {
    u64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_date_has_the_form_that_the_rfc_asks_for() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (978_307_199, "Sun, 31 Dec 2000 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(date(time).as_deref(), Some(text), "{seconds}");
        }
        assert_eq!(date(UNIX_EPOCH - Duration::from_secs(1)), None);
    }
}
