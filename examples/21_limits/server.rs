//! A server in a process of its own, so that only *its* work is counted.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The other process. It ends when this value is dropped, or when this program ends.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) addr: String,
    /// Kept open: the server prints there.
    _output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts one of the three kinds on a free port.
    pub(crate) fn start(kind: &str, work: usize) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["serve", "--addr", "127.0.0.1:0", "--until-eof", "--kind", kind])
            .args(["--work", &work.to_string()])
            .stdin(Stdio::piped()) // when this program ends, the server's input ends
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut server =
            Self { child, addr: String::new(), _output: BufReader::new(output) };
        let mut line = String::new();
        server._output.read_line(&mut line)?;
        let addr =
            line.strip_prefix("listening on ").and_then(|it| it.split(' ').next());
        server.addr = addr.ok_or(io::ErrorKind::UnexpectedEof)?.to_owned();
        Ok(server)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
