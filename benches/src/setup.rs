//! How to set up a server, and the available peers.

/// How to set up a server. The server's process gets this as arguments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup {
    /// How many clients can wait to be accepted; `None` leaves it to the server.
    pub backlog: Option<u32>,
    /// How many connections it has to expect, for a pool of a fixed size.
    pub connections: usize,
    pub task: Task,
    /// The core that it's pinned to.
    pub core: Option<usize>,
}

/// What a TCP server does with what it has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Task {
    /// It sends it back.
    #[default]
    Echo,
    /// The same, for long messages.
    Bulk,
    /// The same, but it takes its time when a message asks for that.
    Slow,
    /// It sends one long reply to the first byte, and closes.
    LongReply,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Bulk => "bulk",
            Self::Slow => "slow",
            Self::LongReply => "long-reply",
        }
    }
}

impl Setup {
    pub fn to_args(self) -> [String; 4] {
        let or_dash = |number: Option<u32>| {
            number.map_or_else(|| "-".to_owned(), |number| number.to_string())
        };
        [
            or_dash(self.backlog),
            self.connections.to_string(),
            self.task.name().to_owned(),
            or_dash(self.core.map(|core| core as u32)),
        ]
    }

    pub fn from_args(args: &[String]) -> Option<Self> {
        let [backlog, connections, task, core] = args else { return None };
        Some(Self {
            backlog: backlog.parse().ok(),
            connections: connections.parse().ok()?,
            task: [Task::Echo, Task::Bulk, Task::Slow, Task::LongReply]
                .into_iter()
                .find(|named| named.name() == task)?,
            core: core.parse().ok(),
        })
    }
}

/// A server that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub label: &'static str,
    pub program: Program,
}

/// What to start for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// This program, as `server NAME`.
    This(&'static str),
    /// The program given with `--other`, as `server NAME`.
    Other(&'static str),
    /// A script in `benches/python`, and the name of the class in it.
    Python(&'static str, &'static str),
}

impl Peer {
    const fn new(label: &'static str, program: Program) -> Self {
        Self { label, program }
    }

    /// Whether it serves datagrams.
    pub fn is_udp(self) -> bool {
        match self.program {
            This(name) | Other(name) => name.starts_with("udp"),
            Python(script, _) => script == "udp.py",
        }
    }
}

use Program::{Other, Python, This};

pub const STD: Peer = Peer::new("thread::spawn by hand", This("std"));
/// The baseline once more: the difference is the noise.
pub const STD_AGAIN: Peer = Peer::new("the same again (A/A)", This("std"));
pub const OURS: Peer = Peer::new("socketserver", This("socketserver"));
/// By hand, too, but it remembers its clients and threads, so that it can stop.
pub const STD_STOPPABLE: Peer =
    Peer::new("thread::spawn by hand", This("std-stoppable"));
/// With an option that isn't the default.
pub const OURS_PATIENT: Peer =
    Peer::new("socketserver, read_timeout(None)", This("socketserver-patient"));
pub const OTHER: Peer = Peer::new("socketserver (other)", Other("socketserver"));
pub const TOKIO: Peer = Peer::new("tokio", This("tokio"));
pub const MIO: Peer = Peer::new("mio, one thread", This("mio"));
pub const POOL: Peer = Peer::new("threadpool", This("threadpool"));
pub const PYTHON: Peer =
    Peer::new("Python ThreadingTCPServer", Python("tcp.py", "ThreadingTCPServer"));

pub const TLS_STD: Peer = Peer::new("rustls by hand", This("tls-std"));
pub const TLS_STD_AGAIN: Peer = Peer::new("the same again (A/A)", This("tls-std"));
pub const TLS_OURS: Peer = Peer::new("socketserver", This("tls-socketserver"));
pub const TLS_OTHER: Peer = Peer::new("socketserver (other)", Other("tls-socketserver"));

pub const UDP_STD: Peer = Peer::new("one thread by hand", This("udp-std"));
pub const UDP_STD_AGAIN: Peer = Peer::new("the same again (A/A)", This("udp-std"));
pub const UDP_OURS: Peer = Peer::new("socketserver", This("udp-socketserver"));
pub const UDP_OTHER: Peer = Peer::new("socketserver (other)", Other("udp-socketserver"));
pub const UDP_TOKIO: Peer = Peer::new("tokio, one task", This("udp-tokio"));
pub const UDP_SPAWN: Peer =
    Peer::new("thread::spawn for each datagram", This("udp-spawn"));
pub const UDP_PYTHON: Peer =
    Peer::new("Python UDPServer", Python("udp.py", "UDPServer"));
pub const UDP_PYTHON_THREADS: Peer =
    Peer::new("Python ThreadingUDPServer", Python("udp.py", "ThreadingUDPServer"));
