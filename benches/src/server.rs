//! A server process, seen from the harness.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::setup::{Peer, Program, Setup};

/// A running server. Dropping it ends the process.
pub struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

/// How a server stopped.
pub struct Stopped {
    pub took: Duration,
    /// How many clients it served to the end, if it counts them.
    pub finished: u64,
}

impl Server {
    /// Starts the server and waits until it listens.
    pub fn start(peer: Peer, setup: Setup, other: Option<&Path>) -> io::Result<Self> {
        let mut command = match peer.program {
            Program::This(name) => own(env::current_exe()?, name),
            Program::Other(name) => {
                let other =
                    other.ok_or_else(|| io::Error::other("no --other program"))?;
                own(other.to_owned(), name)
            }
            Program::Python(script, class) => {
                let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
                let mut command = Command::new("python3");
                command.arg(scripts.join(script)).arg(class);
                command
            }
        };
        let mut child = command
            .args(setup.to_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let address = SocketAddr::from(([0; 4], 0));
        let mut server = Self { child, input, output: BufReader::new(output), address };
        server.address = parse(server.answer("listening")?.first())?;
        Ok(server)
    }

    /// The processor time that the server has used so far.
    pub fn cpu_time(&mut self) -> io::Result<Duration> {
        writeln!(self.input, "cpu")?;
        Ok(Duration::from_nanos(parse(self.answer("cpu")?.first())?))
    }

    /// Stops the server and waits until it has stopped.
    pub fn stop(&mut self) -> io::Result<Stopped> {
        writeln!(self.input, "stop")?;
        let answer = self.answer("stopped")?;
        let took = Duration::from_nanos(parse(answer.first())?);
        Ok(Stopped { took, finished: parse(answer.get(1))? })
    }

    /// How much memory of the process is resident, in KiB.
    pub fn memory(&self) -> io::Result<u64> {
        self.number_in("smaps_rollup", "Rss:")
    }

    /// How many threads it has.
    pub fn threads(&self) -> io::Result<u64> {
        self.number_in("status", "Threads:")
    }

    /// How many file descriptors it has open.
    pub fn descriptors(&self) -> io::Result<u64> {
        Ok(fs::read_dir(self.proc("fd"))?.count() as u64)
    }

    /// The words that follow `keyword` in the server's next line.
    fn answer(&mut self, keyword: &str) -> io::Result<Vec<String>> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        if words.next().as_deref() != Some(keyword) {
            let message = format!("the server said {line:?} instead of {keyword:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(words.collect())
    }

    fn number_in(&self, file: &str, key: &str) -> io::Result<u64> {
        let text = fs::read_to_string(self.proc(file))?;
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        parse(line.and_then(|line| line.split_whitespace().next()))
    }

    fn proc(&self, file: &str) -> PathBuf {
        ["/proc", &self.child.id().to_string(), file].iter().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It might have ended already. Either way, it's gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program, or another version of it, as `server NAME`.
fn own(program: PathBuf, name: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("server").arg(name);
    command
}

fn parse<T: std::str::FromStr>(word: Option<impl AsRef<str>>) -> io::Result<T> {
    word.and_then(|word| word.as_ref().parse().ok()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "the number is missing")
    })
}
