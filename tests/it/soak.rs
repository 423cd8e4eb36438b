//! The soak, for a few seconds: all kinds of clients with faults among them, and then
//! nothing is left. `examples/soak.rs` can be run for longer.

use std::time::Duration;

use crate::process::in_own_process;

#[path = "../../examples/soak.rs"]
#[allow(dead_code, reason = "its `main` is not called")]
mod program;

#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn after_a_short_soak_nothing_is_left() {
    in_own_process("soak::after_a_short_soak_nothing_is_left", || {
        program::soak(Duration::from_secs(3)).unwrap_or_else(|error| panic!("{error}"));
    });
}
