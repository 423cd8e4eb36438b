//! A program that never outlives this one: not after Ctrl-C, and not even after `kill -9`,
//! when no destructor runs. A shell between the two reads from a pipe. Only this program
//! holds the other end, so the read ends when this program does.

use std::io;
use std::process::{Child, Command, Stdio};

/// Starts the program, and kills it when the pipe ends. The shell itself ignores what a
/// terminal sends to all programs at once.
const SCRIPT: &str = "trap '' HUP INT QUIT TERM; \"$@\" </dev/null & read -r end
    kill -9 $!; wait $!";

/// A running program. It is killed when this is dropped.
pub(crate) struct Tied(pub(crate) Child);

impl Tied {
    /// Starts a program; `NotFound` if there is none of this name.
    pub(crate) fn start(command: &Command, stdout: Stdio) -> io::Result<Self> {
        let program = command.get_program();
        Command::new(program).arg("--help").output()?; // the shell would say it too late
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "sh"]).arg(program).args(command.get_args());
        let shell = shell.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::null());
        shell.spawn().map(Self)
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        drop(self.0.stdin.take());
        self.0.wait().map(drop)
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
