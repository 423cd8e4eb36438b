//! Answers to the exercises, right ones and wrong ones: they are there to test the checker.
//! If you want to solve an exercise, look away: everything is given away here.
//!
//! `answers NAME serve --addr 127.0.0.1:0` runs the answer in `NAME.rs`. The first line of an
//! answer says `RIGHT`, or `WRONG:` and the promise that it breaks first.

use std::env;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

mod websocket;

/// Makes each answer a module, and finds it by its name.
macro_rules! answers {
    ($($name:ident)*) => {
        $(mod $name;)*

        fn answer(name: &str) -> Option<fn() -> io::Result<()>> {
            match name {
                $(stringify!($name) => Some($name::main),)*
                _ => None,
            }
        }
    };
}

answers! {
    ex_01_1_right
    ex_01_1_wrong_as_it_begins
    ex_01_1_wrong_counts_on_24
    ex_01_1_wrong_text_too_early
    ex_01_1_wrong_until_a_short_read
    ex_01_2_right
    ex_01_2_wrong_always_one
    ex_01_2_wrong_from_zero
    ex_01_2_wrong_keeps_them
    ex_01_2_wrong_small_number
    ex_02_2_right
    ex_02_2_wrong_counts_only
    ex_02_2_wrong_ignores_the_end
    ex_02_2_wrong_joins_first
    ex_02_2_wrong_one_after_the_other
    ex_03_1_right
    ex_03_1_wrong_cuts
    ex_03_1_wrong_empty_ends_it
    ex_03_1_wrong_full_is_too_long
    ex_03_1_wrong_only_one_more
    ex_03_2_right
    ex_03_2_wrong_always_thrice
    ex_03_2_wrong_four_times
    ex_03_2_wrong_gives_up_in_silence
    ex_03_2_wrong_new_sockets
    ex_04_1_right
    ex_04_1_wrong_as_it_comes
    ex_04_1_wrong_no_ipv6
    ex_04_1_wrong_no_loopback
    ex_04_1_wrong_text
    ex_04_1_wrong_too_wide
    ex_04_2_right
    ex_04_2_wrong_any_first
    ex_04_2_wrong_as_it_comes
    ex_04_2_wrong_first_byte
    ex_04_2_wrong_half_open
    ex_04_2_wrong_only_64
    ex_05_1_right
    ex_05_1_wrong_as_it_begins
    ex_05_1_wrong_the_other_half
    ex_05_1_wrong_too_early
    ex_05_2_right
    ex_05_2_wrong_dripped_on
    ex_05_2_wrong_limit
    ex_05_2_wrong_reset
    ex_05_2_wrong_still_open
    ex_05_2_wrong_waits_for_the_end
    ex_06_2_right
    ex_06_2_wrong_each_read
    ex_06_2_wrong_ends_the_server
    ex_06_2_wrong_no_limit
    ex_06_2_wrong_reads_only
    ex_06_2_wrong_too_strict
    ex_07_2_right
    ex_07_2_wrong_from_zero
    ex_07_2_wrong_functions_only
    ex_07_2_wrong_the_last_joined
    ex_07_2_wrong_the_quickest
    ex_08_2_right
    ex_08_2_wrong_all_at_once
    ex_08_2_wrong_joins_at_once
    ex_08_2_wrong_one_channel
    ex_08_2_wrong_sends_first
    ex_08_2_wrong_unwraps
    ex_09_1_right
    ex_09_1_wrong_ends_the_server
    ex_09_1_wrong_first_read_only
    ex_09_1_wrong_goes_on
    ex_09_1_wrong_whole_visit
    ex_09_2_right
    ex_09_2_wrong_all_at_once
    ex_09_2_wrong_bytes
    ex_09_2_wrong_each_read
    ex_09_2_wrong_end_reversed
    ex_09_2_wrong_exits
    ex_09_2_wrong_last_line_lost
    ex_09_2_wrong_no_limit
    ex_09_2_wrong_one_at_a_time
    ex_09_2_wrong_small_lines
    ex_10_2_right
    ex_10_2_wrong_first_sender_lives
    ex_10_2_wrong_nobody_waits
    ex_10_2_wrong_numbered_by_the_senders
    ex_10_2_wrong_one_at_a_time
    ex_11_2_right
    ex_11_2_wrong_always_three
    ex_11_2_wrong_any_order
    ex_11_2_wrong_as_they_come
    ex_11_2_wrong_own_count
    ex_11_2_wrong_whole_lines_only
    ex_11_2_wrong_writes_under_the_lock
    ex_12_1_right
    ex_12_1_wrong_a_field
    ex_12_1_wrong_empty_is_nothing
    ex_12_1_wrong_every_other
    ex_12_1_wrong_one_for_all
    ex_12_2_right
    ex_12_2_wrong_one_after_the_other
    ex_12_2_wrong_one_hears
    ex_12_2_wrong_two_numbers
    ex_13_1_right
    ex_13_1_wrong_as_it_begins
    ex_13_1_wrong_between_the_words
    ex_13_1_wrong_does_not_hear
    ex_13_2_right
    ex_13_2_wrong_all_at_once
    ex_13_2_wrong_farewell_to_all
    ex_13_2_wrong_once_a_line
    ex_13_2_wrong_sleeps_on
    ex_13_2_wrong_swallows_a_word
    ex_14_2_right
    ex_14_2_wrong_aloud
    ex_14_2_wrong_echo
    ex_14_2_wrong_first_word
    ex_14_2_wrong_in_silence
    ex_14_2_wrong_not_to_oneself
    ex_14_2_wrong_prefix
    ex_14_2_wrong_says_nothing
    ex_15_2_right
    ex_15_2_wrong_first_number
    ex_15_2_wrong_from_is_above
    ex_15_2_wrong_no_gaps
    ex_15_2_wrong_no_overlap
    ex_15_2_wrong_ranges_or_words
    ex_15_2_wrong_small_numbers
    ex_15_2_wrong_ten_is_nothing
    ex_15_2_wrong_texts
    ex_15_2_wrong_whole_answer
    ex_15_3_right
    ex_15_3_wrong_exits
    ex_15_3_wrong_nonsense_ends_it
    ex_15_3_wrong_one_state_for_all
    ex_15_3_wrong_speaks_when_spoken_to
    ex_15_3_wrong_two_numbers
    ex_15_3_wrong_udp_forgets
    ex_16_2_right
    ex_16_2_wrong_all_for_nothing
    ex_16_2_wrong_counts_from_the_start
    ex_16_2_wrong_end_excluded
    ex_16_2_wrong_first_of_two
    ex_16_2_wrong_head_too
    ex_16_2_wrong_needs_both
    ex_16_2_wrong_plus
    ex_16_2_wrong_too_much_is_nothing
    ex_17_2_right
    ex_17_2_wrong_forgets_the_silent
    ex_17_2_wrong_listener_waits
    ex_17_2_wrong_one_total
    ex_17_2_wrong_stays_with_one
    ex_17_2_wrong_waits_for_a_second
    ex_18_2_right
    ex_18_2_wrong_all_with_the_first
    ex_18_2_wrong_does_not_sleep
    ex_18_2_wrong_fixed_timeout
    ex_18_2_wrong_last_one_due
    ex_18_2_wrong_never_woken
    ex_18_2_wrong_since_it_came
    ex_18_2_wrong_waits_for_its_bytes
    ex_19_1_right
    ex_19_1_wrong_503
    ex_19_1_wrong_code
    ex_19_1_wrong_counts_connections
    ex_19_1_wrong_counts_down_for_all
    ex_19_1_wrong_is_told_of
    ex_19_1_wrong_looks_first
    ex_19_1_wrong_stays_counted
    ex_19_2_right
    ex_19_2_wrong_as_in_rust
    ex_19_2_wrong_contains
    ex_19_2_wrong_dashes
    ex_19_2_wrong_json_for_all
    ex_19_2_wrong_last_colon
    ex_19_2_wrong_last_one_counts
    ex_19_2_wrong_names_them_all
    ex_19_2_wrong_no_backslash
    ex_19_2_wrong_no_tab
    ex_19_2_wrong_only_one_name
    ex_19_2_wrong_says_nothing
    ex_20_2_right
    ex_20_2_wrong_any_path
    ex_20_2_wrong_any_space
    ex_20_2_wrong_both_plain
    ex_20_2_wrong_each_line
    ex_20_2_wrong_nothing_for_bytes
    ex_20_2_wrong_one_at_a_time
    ex_20_2_wrong_one_read
    ex_20_2_wrong_until_end_of_file
    ex_20_2_wrong_usual_port
    ex_20_2_wrong_without_the_query
    ex_21_1_right
    ex_21_1_wrong_as_it_comes
    ex_21_1_wrong_blocks
    ex_21_1_wrong_one_helper
    ex_21_2_right
    ex_21_2_wrong_clean_ends_only
    ex_21_2_wrong_counts_visits
    ex_21_2_wrong_no_limit
    ex_21_2_wrong_rejects
    ex_22_2_right
    ex_22_2_wrong_all_again
    ex_22_2_wrong_anybody
    ex_22_2_wrong_at_once
    ex_22_2_wrong_commands_too
    ex_22_2_wrong_last_only
    ex_22_2_wrong_look_alikes
    ex_23_1_right
    ex_23_1_wrong_a_read_is_a_message
    ex_23_1_wrong_empty_ends_it
    ex_23_1_wrong_goes_on
    ex_23_1_wrong_half_is_done
    ex_23_1_wrong_length_counts
    ex_23_1_wrong_reset
    ex_23_1_wrong_text
    ex_23_1_wrong_waits_for_the_body
    ex_23_2_right
    ex_23_2_wrong_deadline_over
    ex_23_2_wrong_each_read
    ex_23_2_wrong_half_is_done
    ex_23_2_wrong_long_ends_it
    ex_23_2_wrong_one_for_all
    ex_23_2_wrong_reset
    ex_23_2_wrong_says_nothing
    ex_23_2_wrong_session
    ex_23_2_wrong_while_it_writes
}

fn main() -> ExitCode {
    let name = env::args().nth(1).unwrap_or_default();
    let Some(answer) = answer(&name) else {
        eprintln!(
            "there is no answer `{name}`: is it in the list of check/answers/main.rs?"
        );
        return ExitCode::from(2);
    };
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What follows `--name`.
fn option(name: &str) -> Option<String> {
    let name = format!("--{name}");
    env::args().skip_while(|arg| *arg != name).nth(1)
}

/// Whether `--name` is there.
fn flag(name: &str) -> bool {
    env::args().any(|arg| arg == format!("--{name}"))
}

/// The number that follows `--name`.
fn number(name: &str, default: usize) -> usize {
    option(name).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The address that follows `--addr`.
fn addr() -> String {
    option("addr").unwrap_or_default()
}

/// The words after `client --addr ADDRESS`, or all of them.
fn words() -> Vec<String> {
    let words = env::args().skip(2);
    let skip = if flag("addr") { 3 } else { 0 };
    words.skip(skip).collect()
}

/// Binds to the address of `--addr`, and says so.
fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(addr())?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Serves one client after the other.
fn serve(attend: impl Fn(TcpStream) -> io::Result<()>) -> io::Result<()> {
    let listener = listen()?;
    loop {
        report(listener.accept().and_then(|(stream, _)| attend(stream)));
    }
}

/// Serves each client on a thread of its own.
fn serve_all(attend: fn(TcpStream) -> io::Result<()>) -> io::Result<()> {
    let listener = listen()?;
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || report(attend(stream)));
    }
}

/// Says an error, and goes on.
fn report<T>(result: io::Result<T>) {
    if let Err(error) = result {
        println!("error: {error}");
    }
}
