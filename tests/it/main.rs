//! The promises of the library, each checked by tests over real sockets.
//!
//! They are one program, so that it is linked once. If a promise is broken, at least one
//! of these tests fails:
//!
//! 1. bind errors name the address; port 0: `bind::an_address_in_use_is_named`,
//!    `bind::an_invalid_address_is_named`, `bind::port_zero_becomes_a_real_port`.
//! 2. `shutdown()` from anywhere, never blocks: `stopping::shutdown_from_*`,
//!    `stopping::shutdown_before_serving_is_not_forgotten`,
//!    `stopping::many_threads_can_shut_down_at_once_and_draining_is_reported_once`,
//!    `signals::*`.
//! 3. woken, not polling: `stopping::a_server_sleeps_until_it_is_woken`,
//!    `stopping::stopping_a_hundred_servers_takes_hardly_any_time`.
//! 4. no request accepted after shutdown began:
//!    `stopping::no_client_is_accepted_after_shutdown_began`,
//!    `stopping::no_datagram_is_handled_after_shutdown_began`,
//!    `stopping::clients_in_the_queue_are_not_served_by_a_server_that_was_stopped`.
//! 5. drain: `drain::*`, `udp::a_reply_that_is_being_worked_out_still_goes_out`.
//! 6. nothing kept of a finished connection:
//!    `resources::many_short_connections_leave_nothing_behind`.
//! 7. `max_connections` is a limit, by backpressure:
//!    `limits::with_room_for_two_the_other_clients_wait_in_the_queue`,
//!    `limits::no_more_clients_are_served_at_once_than_allowed`,
//!    `udp::no_more_datagrams_are_handled_at_once_than_allowed`.
//! 8. errors and panics end one connection: `isolation::trouble_in_*`,
//!    `isolation::a_panic_*`,
//!    `isolation::a_handler_whose_drop_always_panics_does_not_end_the_server`.
//! 9. disconnects are counted, not reported as errors:
//!    `isolation::a_client_that_goes_away_is_counted_and_not_reported`.
//! 10. a rejected client is not served:
//!     `isolation::a_rejected_client_reads_end_of_file_and_no_handler_runs`,
//!     `isolation::a_rejected_datagram_is_not_handled`.
//! 11. out of descriptors or threads: `resources::without_descriptors_*`,
//!     `resources::without_threads_*`.
//! 12. timeouts, and a cap on lines: `limits::a_*_timeout`,
//!     `limits::a_*_session_is_over`,
//!     `limits::an_endless_line_is_an_error_before_its_end`, `lines::*`.
//! 13. a reply is not reset: `requests::a_request_that_*_gets_its_reply`,
//!     `requests::the_client_sees_the_end_while_the_server_still_listens_to_it`.
//! 14. UDP: nothing truncated silently, no reply unasked, no client delayed:
//!     `udp::a_truncated_datagram_says_so`,
//!     `udp::a_handler_can_reply_once_or_often_or_not_at_all`,
//!     `udp::eight_slow_handlers_do_not_delay_others`.
//! 15. Unix files: own removed, a live server's not stolen: `unix::the_file_*`,
//!     `unix::a_file_*`.
//! 16. `handle_request`: `one_request::*`.
//! 17. no `unsafe`: the compiler; `requests::unsafe_code_is_forbidden`.
//! 18. what was written arrives whole, or the client can tell: `lossy::*`,
//!     `whole_or_reset::*`.
//! 19. no half line because of a stop: `whole_or_reset::no_half_line_*`,
//!     `whole_or_reset::a_whole_line_is_handed_over_though_the_server_stops`,
//!     `whole_or_reset::a_clients_last_line_needs_no_newline`.
//! 20. nothing goes on after the end, and the end comes: `nothing_goes_on::*`.
//! 21. datagrams behind slow ones, and in bursts: `bursts::*`.
//! 22. Unix datagrams: `unix_datagrams::*`.
//! 23. other code's failures don't end the server: `not_ours::*`.
//! 24. Ctrl-C: `ctrl_c::*`, `signals::*`.
//!
//! What is not a promise of its own but part of several: `line_errors` checks what comes
//! after a bad line, `timeouts` how a handler changes its limits, and `events` what
//! hooks are called with.
//!
//! A client that has gone so completely that it has no address (seen on macOS) can't be
//! made here, so no test has one.
//!
//! Beyond single promises: `nothing_lost` stops servers in the middle of their work,
//! `states` in every state from every kind of thread. `faults` has crowds of bad
//! clients, and `soak` has everything at once.
//!
//! How they wait: for a condition, a message or a byte, never for time to pass, and
//! never forever (`support::PATIENCE`). Where a test sleeps, it is to give the server
//! time in which it could do something wrong.
#![allow(clippy::unwrap_used)] // a test that fails should say so at once

mod bind;
mod bursts;
mod compile_fail;
mod cpython;
#[cfg(unix)]
mod ctrl_c;
mod drain;
mod effort;
mod events;
#[cfg(unix)]
mod faults;
mod isolation;
#[cfg(unix)]
mod leaks;
mod limits;
mod line_errors;
mod lines;
#[cfg(target_os = "linux")]
mod lossy;
#[cfg(unix)]
mod not_ours;
#[cfg(unix)]
mod nothing_goes_on;
#[cfg(unix)]
mod nothing_lost;
mod one_request;
#[cfg(unix)]
mod process;
mod reliability;
mod requests;
#[cfg(unix)]
mod resources;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod signals_under_load;
#[cfg(unix)]
mod soak;
#[cfg(unix)]
mod states;
mod stats;
mod stopping;
mod support;
mod timeouts;
mod udp;
#[cfg(unix)]
mod unix;
#[cfg(target_os = "linux")]
mod unix_datagrams;
mod whole_or_reset;
