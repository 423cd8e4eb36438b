//! Random input, made from choices. `arbtest` makes the choices, and when a property
//! doesn't hold, it looks for fewer choices that show it.

use std::fmt::{Debug, Display};

use arbitrary::Unstructured;
use arbtest::arbtest;

/// How long each test tries inputs. For longer:
/// `ARBTEST_BUDGET_MS=60000 cargo test -p socketserver-properties`.
const BUDGET_MS: u64 = 300;

/// What an input is made from. When the choices run out, the first option is taken each
/// time, so the simplest should come first.
pub(crate) struct Choices<'a, 'b>(&'a mut Unstructured<'b>);

impl Choices<'_, '_> {
    /// A number below `end`; half of them are small.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let small = self.0.ratio(1, 2).unwrap_or(true);
        let end = if small { end.min(16) } else { end };
        self.0.int_in_range(0..=end - 1).unwrap_or(0)
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        self.0.choose(all).copied().unwrap_or(all[0])
    }

    /// Up to `max` of what `make` makes.
    pub(crate) fn up_to<T>(
        &mut self,
        max: usize,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let mut made = Vec::new();
        while made.len() < max && !self.0.is_empty() && self.below(16) > 0 {
            made.push(make(self));
        }
        made
    }
}

/// The result of a property: nothing, or why it doesn't hold.
pub(crate) type Verdict = Result<(), String>;

/// It holds if these are equal; `about` says for which input they aren't.
pub(crate) fn same<T: PartialEq + Debug>(
    found: &T,
    expected: &T,
    about: impl Display,
) -> Verdict {
    if found == expected {
        return Ok(());
    }
    Err(format!("{about}\n   found: {found:?}\nexpected: {expected:?}"))
}

/// Tries `property` with many inputs, different ones in each run. If it doesn't hold for
/// an input, prints a small one, and the seed that makes it again.
pub(crate) fn check(property: impl Fn(&mut Choices<'_, '_>) -> Verdict) {
    let budget = std::env::var("ARBTEST_BUDGET_MS").ok();
    let budget = budget.and_then(|budget| budget.parse().ok()).unwrap_or(BUDGET_MS);
    arbtest(|bytes| {
        if let Err(words) = property(&mut Choices(bytes)) {
            panic!("{words}");
        }
        Ok(())
    })
    .budget_ms(budget)
    .size_max(2_000);
}

/// For which lists is it false that at most three numbers are over 100?
#[test]
#[should_panic(expected = "four numbers are over 100")]
fn a_property_that_does_not_hold_is_found() {
    check(|choices| {
        let numbers = choices.up_to(20, |choices| choices.below(200));
        let large = numbers.iter().filter(|number| **number > 100).count();
        if large > 3 { Err("four numbers are over 100".to_owned()) } else { Ok(()) }
    });
}
