//! 04.1: who is on the server's own network?

use std::time::Duration;

use crate::broken::Broken;
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "04.1",
    title: "accept only your own network",
    lesson: "04_addresses",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "private addresses are accepted, public ones rejected",
            test: simple,
        },
        Promise { name: "172.16/12 ends at 172.31.255.255", test: edges },
        Promise { name: "this machine is accepted", test: loopback },
        Promise {
            name: "an IPv4 address inside an IPv6 one is judged as what it is",
            test: mapped,
        },
        Promise { name: "IPv6 has private addresses, too", test: unique },
        Promise { name: "link-local addresses are rejected", test: link_local },
    ],
};

fn judge(
    program: &Program,
    in_: &[&str],
    out: &[&str],
    thought: &str,
) -> Result<(), Broken> {
    let asked: Vec<&str> = in_.iter().chain(out).copied().collect();
    let ran = program.run(&asked, Duration::from_secs(15))?;
    for address in &asked {
        let wanted = if in_.contains(address) { "accepted" } else { "rejected" };
        let about =
            |line: &&String| line.split_whitespace().any(|word| word == *address);
        let mut lines = ran.lines.iter().filter(about);
        if !lines.clone().any(|line| line.ends_with(wanted)) {
            let last = lines.next_back();
            let received =
                last.map_or("no such line".to_owned(), |line| format!("{line:?}"));
            let says = ["accepted", "rejected"].iter().any(|end| received.contains(end));
            let unsaid = "Each address has a line of its own, and the line ends in \
                `accepted` or `rejected`.";
            return Err(Broken::new(if says { thought } else { unsaid })
                .sent(asked.join(" "))
                .expected(format!("a line with {address} that ends in {wanted:?}"))
                .received(received));
        }
    }
    Ok(())
}

fn simple(program: &Program) -> Result<(), Broken> {
    judge(
        program,
        &["172.16.0.1", "192.168.1.10", "10.1.2.3"],
        &["8.8.8.8", "172.32.0.1", "192.169.0.1"],
        "A text that begins with `172.` says little. Ask the address, not its text.",
    )
}

fn edges(program: &Program) -> Result<(), Broken> {
    judge(
        program,
        &["172.16.0.0", "172.31.255.255", "10.255.255.255", "192.168.255.255"],
        &["172.15.255.255", "172.32.0.0", "11.0.0.0", "9.255.255.255"],
        "The range is 172.16.0.0 to 172.31.255.255. The standard library knows it.",
    )
}

fn loopback(program: &Program) -> Result<(), Broken> {
    judge(
        program,
        &["127.0.0.1", "::1"],
        &[],
        "This machine is on its own network. Is a loopback address a private one?",
    )
}

fn mapped(program: &Program) -> Result<(), Broken> {
    judge(
        program,
        &["::ffff:172.16.0.1", "::ffff:127.0.0.1"],
        &["::ffff:8.8.8.8"],
        "A server that listens on [::] sees its IPv4 clients like this. `to_canonical` takes \
         the clothes off.",
    )
}

fn unique(program: &Program) -> Result<(), Broken> {
    judge(
        program,
        &["fd00::7", "fc00::1"],
        &["2001:db8::1", "fe00::1"],
        "IPv6's private addresses are fc00::/7, unique local ones.",
    )
}

fn link_local(program: &Program) -> Result<(), Broken> {
    judge(
        program,
        &[],
        &["169.254.1.1", "fe80::1"],
        "The exercise rejects link-local addresses, because any machine can give itself one.",
    )
}
