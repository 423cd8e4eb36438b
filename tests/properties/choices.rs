//! Any input: made from choices that look random, and made smaller when it is one for
//! which a property does not hold.
//!
//! There are crates for this, and they do more. But `cargo run` would download each of
//! them before a student's first example.

use std::fmt::{Debug, Display};
use std::panic::catch_unwind;

/// How many inputs are tried.
const CASES: u64 = 2000;

/// What an input is made from. When there are no more choices, each is the first.
///
/// The simplest should come first: smaller choices make simpler inputs, and fewer
/// choices make smaller ones. That is how a failing input is simplified.
pub(crate) struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    /// A number below `end`, and below 65,536.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let number = usize::from(self.byte());
        // Of the large numbers, half are small.
        if end <= 256 || self.byte() % 2 == 0 {
            return number % end;
        }
        (number + 256 * usize::from(self.byte())) % end
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Up to `max` of what `make` makes.
    pub(crate) fn up_to<T>(
        &mut self,
        max: usize,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let mut made = Vec::new();
        while made.len() < max && self.byte() % 16 > 0 {
            made.push(make(self));
        }
        made
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
}

/// What a property says: nothing, or why it does not hold.
pub(crate) type Verdict = Result<(), String>;

/// It holds if these are equal; `about` says for which input they are not.
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

/// Tries `property` with many inputs. If it does not hold for one, the simplest for
/// which it does not hold is shown.
pub(crate) fn check(property: impl Fn(&mut Choices<'_>) -> Verdict) {
    let verdict = |choices: &[u8]| property(&mut Choices(choices));
    for seed in 0..CASES {
        let choices = choices(seed);
        if verdict(&choices).is_err() {
            let simplest = simplify(choices, |choices| verdict(choices).is_err());
            panic!("{}", verdict(&simplest).unwrap_err());
        }
    }
}

/// From none to some hundred choices, the same in every run (xorshift).
fn choices(seed: u64) -> Vec<u8> {
    let mut state = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..seed % 300).map(|_| next()).collect()
}

/// Leaves out choices, and makes them smaller, as long as it still `fails`.
fn simplify(mut choices: Vec<u8>, fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    loop {
        let before = choices.clone();
        for length in [64, 16, 4, 2, 1] {
            for place in (0..choices.len()).rev() {
                let mut without = choices.clone();
                without.drain(place..choices.len().min(place + length));
                if fails(&without) {
                    choices = without;
                }
            }
        }
        for place in 0..choices.len() {
            let now = choices[place];
            for smaller in [0, now / 2, now.saturating_sub(16), now.saturating_sub(1)] {
                let before = std::mem::replace(&mut choices[place], smaller);
                if smaller >= before || !fails(&choices) {
                    choices[place] = before;
                }
            }
        }
        if choices == before {
            return choices;
        }
    }
}

/// For which lists does it not hold that at most three numbers are over 100?
#[test]
fn a_failing_input_is_made_simple() {
    let property = |choices: &mut Choices<'_>| {
        let numbers = choices.up_to(20, |choices| choices.below(200));
        let large = numbers.iter().filter(|number| **number > 100).count();
        if large > 3 { Err(format!("{numbers:?}")) } else { Ok(()) }
    };
    let error = catch_unwind(|| check(property)).unwrap_err();
    let message = error.downcast_ref::<String>().unwrap();
    assert_eq!(message, "[101, 101, 101, 101]");
}
