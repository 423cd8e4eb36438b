//! Runs in a network of their own, whose loopback interface loses packets.

use std::env;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::sample::{Metric, Sample};
use crate::setup::Peer;
use crate::work::Work;

/// 20 megabits a second, and space for 10 packets that wait. The interface drops the rest,
/// and the system sends those again.
const LOSSY: &str = "ip link set lo mtu 1500 up
    tc qdisc add dev lo root tbf rate 20mbit burst 5kb limit 15000";

/// Whether this machine can make such a network.
pub fn is_available() -> bool {
    let output = in_lossy("true").stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

/// Does one run there: starts this program again, as `run WORK SERVER [OTHER]`, and reads
/// the sample that it prints.
pub fn run(work: Work, peer: Peer, other: Option<&Path>) -> io::Result<Sample> {
    let mut command = in_lossy("exec \"$0\" \"$@\"");
    command.arg(env::current_exe()?).args(["run", &work.name(), peer.label]).args(other);
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(error));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut sample = Sample::default();
    for (head, value) in text.lines().filter_map(|line| line.split_once('\t')) {
        let metric = Metric::from_head(head).zip(value.parse().ok());
        let (metric, value) = metric.ok_or(io::ErrorKind::InvalidData)?;
        sample.set(metric, value);
    }
    Ok(sample)
}

/// A shell that makes the network, and then runs `script` in it.
fn in_lossy(script: &str) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--net", "sh", "-ec"]);
    unshare.arg(format!("{LOSSY}\n{script}"));
    unshare
}
