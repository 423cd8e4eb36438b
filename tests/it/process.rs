//! Processes of their own, for tests that would disturb all others: they count or use up
//! what all threads of a process share, or send it signals.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, unbounded};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PATIENCE, wait_until};

/// Set for a test that runs in a process of its own.
pub(crate) const CHILD: &str = "SOCKETSERVER_TEST_CHILD";

/// Whether this is the process that [`Child::start`] has started.
pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs `body` in a process of its own, because it would disturb other tests.
/// `test` is the full name of the test that calls this.
pub(crate) fn in_own_process(test: &str, body: impl FnOnce()) {
    if is_child() {
        body();
        eprintln!("done"); // so that a wrong name is noticed
    } else {
        let child = Child::start(test);
        child.wait_for("done");
        child.assert_success();
    }
}

/// Runs `body` in a process of its own that has a network of its own: nothing but a
/// loopback interface, `lo`, which is down until `setup`, a script for the shell, sets
/// it up. Where the system doesn't allow that, the test is skipped, and says so.
#[cfg(target_os = "linux")]
pub(crate) fn in_own_network(test: &str, setup: &str, body: impl FnOnce()) {
    let network = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--net", "sh", "-ec"]);
        unshare.arg(format!("{setup}\n{script}"));
        unshare
    };
    if is_child() {
        body();
        eprintln!("done");
        return;
    }
    let why_not = match network("true").stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    };
    if let Some(why_not) = why_not {
        // Not `eprintln!`: that is shown only if the test fails.
        let line = format!("SKIPPED {test}: no network of its own: {why_not}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let mut command = network("exec \"$0\" \"$@\"");
    command.arg(env::current_exe().unwrap());
    let child = Child::start_by(command, test);
    child.wait_for("done");
    child.assert_success();
}

/// This program again, in a process of its own, running one test. It reports what it
/// does on its standard error.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// `test` is the full name of the test, which must look at [`is_child`].
    pub(crate) fn start(test: &str) -> Self {
        Self::start_by(Command::new(env::current_exe().unwrap()), test)
    }

    /// The same, with signals ignored, as a script starts what it runs in the background
    /// (and `nohup` everything).
    pub(crate) fn start_in_background(test: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' INT TERM HUP; exec \"$0\" \"$@\""]);
        shell.arg(env::current_exe().unwrap());
        Self::start_by(shell, test)
    }

    /// The same, with this as its standard input: a socket, for example.
    pub(crate) fn start_with_input(test: &str, input: Stdio) -> Self {
        Self::start_by_with_input(Command::new(env::current_exe().unwrap()), test, input)
    }

    fn start_by(command: Command, test: &str) -> Self {
        Self::start_by_with_input(command, test, Stdio::null())
    }

    fn start_by_with_input(mut command: Command, test: &str, input: Stdio) -> Self {
        let mut process = command
            .args([test, "--exact", "--nocapture", "--include-ignored"])
            .env(CHILD, "1")
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(process.stderr.take().expect("it is piped"));
        let (sender, lines) = unbounded();
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                eprintln!("child: {line}");
                let _ = sender.send(line);
            }
        });
        Self { process, lines }
    }

    /// Waits for a line that begins with `word`, and returns the rest of it.
    pub(crate) fn wait_for(&self, word: &str) -> String {
        let until = Instant::now() + 3 * PATIENCE;
        let mut said = Vec::new();
        loop {
            let line = self.lines.recv_deadline(until);
            let line = line.unwrap_or_else(|why| {
                panic!("the child never says {word:?} ({why}), only {said:#?}")
            });
            said.push(line.clone());
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Waits for its end. It must succeed.
    pub(crate) fn assert_success(self) {
        let status = self.end();
        assert!(status.success(), "the child fails: {status}");
    }

    /// Waits for its end, and returns its exit status; `None` if a signal ended it.
    pub(crate) fn exit_code(self) -> Option<i32> {
        self.end().code()
    }

    fn end(mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the child ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        status.expect("that was waited for")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}
