//! A broker of one's own: a child process on a free port, which keeps nothing on disk.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tied::Tied;

use crate::support::PATIENCE;

#[path = "tied.rs"]
mod tied;

/// A running broker. It ends when this is dropped, or when this program ends.
pub(crate) struct Own {
    program: &'static str,
    port: u16,
    process: Tied,
}

impl Own {
    /// Starts one; `None` if none is installed here.
    pub(crate) fn start() -> io::Result<Option<Self>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        for program in ["redis-server", "valkey-server"] {
            match run(program, port) {
                Ok(process) => {
                    let own = Self { program, port, process };
                    own.wait()?;
                    return Ok(Some(own));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Starts it again, empty.
    pub(crate) fn start_again(&mut self) -> io::Result<()> {
        self.process = run(self.program, self.port)?;
        self.wait()
    }

    /// Waits until it listens.
    fn wait(&self) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        while let Err(error) = TcpStream::connect(("127.0.0.1", self.port)) {
            if Instant::now() > until {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// Runs a broker that keeps nothing.
fn run(program: &str, port: u16) -> io::Result<Tied> {
    let mut command = Command::new(program);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
    Tied::start(command.arg(port.to_string()), Stdio::null())
}
