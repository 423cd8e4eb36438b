//! 04.2: addresses behind the provider's NAT.

use std::time::Duration;

use crate::broken::Broken;
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "04.2",
    title: "behind the provider's NAT",
    lesson: "04_addresses",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "100.64.0.1 is shared", test: shared },
        Promise { name: "the range is 100.64.0.0 to 100.127.255.255", test: edges },
        Promise { name: "no other address is", test: others },
        Promise {
            name: "an IPv4 address inside an IPv6 one is what it is",
            test: mapped,
        },
    ],
};

const SHARED: &str = "shared: behind the provider's NAT";

fn judge(
    program: &Program,
    yes: &[&str],
    no: &[&str],
    thought: &str,
) -> Result<(), Broken> {
    let asked: Vec<&str> = yes.iter().chain(no).copied().collect();
    let ran = program.run(&asked, Duration::from_secs(15))?;
    for address in &asked {
        let about =
            |line: &&String| line.split_whitespace().any(|word| word == *address);
        let line = ran.lines.iter().rfind(about);
        let says = line.is_some_and(|line| line.contains(SHARED));
        if line.is_none() || says != yes.contains(address) {
            let not = if yes.contains(address) { "" } else { "not " };
            return Err(Broken::new(thought)
                .sent(asked.join(" "))
                .expected(format!("the line with {address} does {not}say {SHARED:?}"))
                .received(
                    line.map_or("no such line".to_owned(), |line| format!("{line:?}")),
                ));
        }
    }
    Ok(())
}

fn shared(program: &Program) -> Result<(), Broken> {
    let thought = "Compare the words with those of the exercise, and see which arm of `match` \
        comes first.";
    judge(program, &["100.64.0.1"], &[], thought)
}

fn edges(program: &Program) -> Result<(), Broken> {
    judge(
        program,
        &["100.64.0.0", "100.100.7.7", "100.127.255.255"],
        &["100.63.255.255", "100.128.0.0"],
        "The second byte goes from 64 to 127, both included; the others may be anything.",
    )
}

fn others(program: &Program) -> Result<(), Broken> {
    judge(
        program,
        &[],
        &["10.64.0.1", "8.100.64.1", "192.168.1.10", "127.0.0.1", "fd00::7"],
        "All bytes count: the first must be 100.",
    )
}

fn mapped(program: &Program) -> Result<(), Broken> {
    let thought =
        "`kind` takes the IPv4 address out with `to_canonical`. Do you ask before that?";
    judge(program, &["::ffff:100.64.0.1"], &["::ffff:8.8.8.8"], thought)
}
