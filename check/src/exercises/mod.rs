//! A file for each exercise that can be judged, and the list of all exercises.

use crate::{Begin, Exercise};

mod ex_01_1;
mod ex_01_2;
mod ex_02_2;
mod ex_03_1;
mod ex_03_2;
mod ex_04_1;
mod ex_04_2;
mod ex_05_1;
mod ex_05_2;
mod ex_06_2;
mod ex_07_2;
mod ex_08_2;
mod ex_09_1;
mod ex_09_2;
mod ex_10_2;
mod ex_11_2;
mod ex_12_1;
mod ex_12_2;
mod ex_13_1;
mod ex_13_2;
mod ex_14_2;
mod ex_15_2;
mod ex_15_3;
mod ex_16_2;
mod ex_17_2;
mod ex_18_2;
mod ex_19_1;
mod ex_19_2;
mod ex_20_2;
mod ex_21_1;
mod ex_21_2;
mod ex_22_2;
mod ex_23_1;
mod ex_23_2;

/// All exercises, in the order of the lessons. Those without promises are questions.
pub static EXERCISES: &[Exercise] = &[
    ex_01_1::EXERCISE,
    ex_01_2::EXERCISE,
    question("02.1", "02_echo", "write instead of write_all"),
    ex_02_2::EXERCISE,
    ex_03_1::EXERCISE,
    ex_03_2::EXERCISE,
    ex_04_1::EXERCISE,
    ex_04_2::EXERCISE,
    ex_05_1::EXERCISE,
    ex_05_2::EXERCISE,
    question("06.1", "06_one_at_a_time", "can a silent client stop lesson 01?"),
    ex_06_2::EXERCISE,
    question("07.1", "07_lift_off", "join directly behind spawn"),
    ex_07_2::EXERCISE,
    question("08.1", "08_named_threads", "names that look the same"),
    ex_08_2::EXERCISE,
    ex_09_1::EXERCISE,
    ex_09_2::EXERCISE,
    question("10.1", "10_print_lock", "a lock at the top"),
    ex_10_2::EXERCISE,
    question("11.1", "11_threaded_server", "no Clone, and an Rc"),
    ex_11_2::EXERCISE,
    ex_12_1::EXERCISE,
    ex_12_2::EXERCISE,
    ex_13_1::EXERCISE,
    ex_13_2::EXERCISE,
    question("14.1", "14_chat", "mailboxes without a bound"),
    ex_14_2::EXERCISE,
    question("15.1", "15_support_bot", "a reply that is lost"),
    ex_15_2::EXERCISE,
    ex_15_3::EXERCISE,
    question("16.1", "16_http_get", "read_to_end instead of read_body"),
    ex_16_2::EXERCISE,
    question("17.1", "17_nonblocking", "a pause in the loop"),
    ex_17_2::EXERCISE,
    question("18.1", "18_select", "reading until WouldBlock"),
    ex_18_2::EXERCISE,
    ex_19_1::EXERCISE,
    ex_19_2::EXERCISE,
    question("20.1", "20_tls", "a client that checks nothing"),
    ex_20_2::EXERCISE,
    ex_21_1::EXERCISE,
    ex_21_2::EXERCISE,
    question("22.1", "22_many_machines", "$ instead of the last entry"),
    ex_22_2::EXERCISE,
    ex_23_1::EXERCISE,
    ex_23_2::EXERCISE,
];

/// An exercise that asks for an answer and not for a program.
const fn question(
    id: &'static str,
    lesson: &'static str,
    title: &'static str,
) -> Exercise {
    Exercise { id, title, lesson, begin: Begin::Empty, promises: &[] }
}
