//! The kinds of work, and which servers take part in each.

use std::io;

use crate::load::{self, Timing};
use crate::sample::{Metric, Sample};
use crate::server::Server;
use crate::setup::*;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Connections that stay open; pinned: the server on one core, the clients on the
    /// other.
    RequestResponse { connections: usize, pinned: bool },
    /// Clients that connect, get one reply, and close.
    Churn { loops: usize },
    /// This many clients in all that connect, get one reply, and close.
    Marathon { connects: usize },
    /// Long messages.
    Bulk { connections: usize },
    /// Short connections beside others whose handlers take their time: each waits for 50
    /// milliseconds or, if `busy`, computes for 20.
    Beside { others: usize, busy: bool },
    /// Connections that say nothing.
    Idle { connections: usize },
    /// Clients that come all at once.
    Burst { connects: usize },
    /// Datagrams.
    Udp { clients: usize, in_flight: usize },
    /// As many datagrams as possible.
    UdpFlood { clients: usize },
    /// Datagrams that come all at once.
    UdpBurst { datagrams: usize },
    /// Handlers that take 50 milliseconds each.
    UdpSlow { handlers: usize },
    /// Clients that connect, shake hands, get one encrypted reply, and close.
    TlsVisits { loops: usize },
    /// Encrypted messages, there and back: short ones, or long.
    TlsTalk { connections: usize, is_long: bool },
    /// Encrypted connections that say nothing.
    TlsIdle { connections: usize },
    /// Long replies on a network that loses packets. Clients that talk go on sending
    /// meanwhile. If it `stops`, the server is stopped in the middle.
    Lossy { talks: bool, stops: bool },
    /// How long stopping takes.
    Stop { connections: usize },
}

use Work::*;

/// All of it, in the order of the report.
pub const ALL: [Work; 36] = [
    RequestResponse { connections: 1, pinned: false },
    RequestResponse { connections: 16, pinned: false },
    RequestResponse { connections: 64, pinned: false },
    RequestResponse { connections: 256, pinned: false },
    RequestResponse { connections: 1000, pinned: false },
    RequestResponse { connections: 64, pinned: true },
    Churn { loops: 1 },
    Churn { loops: 8 },
    Churn { loops: 32 },
    Marathon { connects: 1_000_000 },
    Bulk { connections: 8 },
    Beside { others: 12, busy: false },
    Beside { others: 12, busy: true },
    Burst { connects: 1000 },
    Idle { connections: 1000 },
    Idle { connections: 10_000 },
    Udp { clients: 1, in_flight: 1 },
    Udp { clients: 1, in_flight: 16 },
    Udp { clients: 16, in_flight: 1 },
    Udp { clients: 16, in_flight: 16 },
    UdpFlood { clients: 16 },
    UdpBurst { datagrams: 2000 },
    UdpSlow { handlers: 8 },
    UdpSlow { handlers: 50 },
    UdpSlow { handlers: 500 },
    TlsVisits { loops: 1 },
    TlsVisits { loops: 8 },
    TlsTalk { connections: 1, is_long: false },
    TlsTalk { connections: 16, is_long: false },
    TlsTalk { connections: 4, is_long: true },
    TlsIdle { connections: 1000 },
    Lossy { talks: false, stops: false },
    Lossy { talks: true, stops: false },
    Lossy { talks: true, stops: true },
    Stop { connections: 0 },
    Stop { connections: 1000 },
];

impl Work {
    pub fn name(self) -> String {
        match self {
            RequestResponse { connections: 1, .. } => {
                "request/response, 1 connection".to_owned()
            }
            RequestResponse { connections, pinned: false } => {
                format!("request/response, {connections} connections")
            }
            RequestResponse { connections, pinned: true } => {
                format!("request/response, {connections} connections, pinned")
            }
            Churn { loops: 1 } => "connect-echo-close, 1 loop".to_owned(),
            Churn { loops } => format!("connect-echo-close, {loops} loops"),
            Marathon { connects } => format!("connect-echo-close, {connects} times"),
            Bulk { connections } => format!("bulk, {connections} connections"),
            Beside { others, busy: false } => {
                format!("beside {others} that wait in their handlers")
            }
            Beside { others, busy: true } => {
                format!("beside {others} that compute in their handlers")
            }
            Idle { connections } => format!("idle, {connections} connections"),
            Burst { connects } => format!("burst of {connects} connects"),
            Udp { clients: 1, in_flight } => {
                format!("udp, 1 client, {in_flight} in flight")
            }
            Udp { clients, in_flight } => {
                format!("udp, {clients} clients, {in_flight} in flight")
            }
            UdpFlood { clients } => format!("udp flood, {clients} clients"),
            UdpBurst { datagrams } => format!("udp, burst of {datagrams} datagrams"),
            UdpSlow { handlers } => format!("udp, {handlers} slow handlers"),
            TlsVisits { loops: 1 } => "tls, handshake-echo-close, 1 loop".to_owned(),
            TlsVisits { loops } => format!("tls, handshake-echo-close, {loops} loops"),
            TlsTalk { connections: 1, .. } => {
                "tls, request/response, 1 connection".to_owned()
            }
            TlsTalk { connections, is_long: false } => {
                format!("tls, request/response, {connections} connections")
            }
            TlsTalk { connections, .. } => {
                format!("tls, bulk, {connections} connections")
            }
            TlsIdle { connections } => format!("tls, idle, {connections} connections"),
            Lossy { stops: true, .. } => "lossy network, stop in the middle".to_owned(),
            Lossy { talks: false, .. } => "lossy network, clients that wait".to_owned(),
            Lossy { talks: true, .. } => "lossy network, clients that talk".to_owned(),
            Stop { connections: 0 } => "stop, idle".to_owned(),
            Stop { connections } => format!("stop, {connections} idle connections"),
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|work| work.name() == name)
    }

    /// Whether it can be left out of a quick run, because another is much like it.
    pub fn is_for_full_runs(self) -> bool {
        match self {
            RequestResponse { connections, .. } => matches!(connections, 16 | 256),
            Idle { connections } => connections > 1000,
            Udp { in_flight, .. } => in_flight > 1,
            Marathon { .. } | Beside { busy: false, .. } | Lossy { .. } => true,
            UdpSlow { handlers } => handlers > 8,
            _ => false,
        }
    }

    /// Whether it needs a network that loses packets.
    pub fn is_lossy(self) -> bool {
        matches!(self, Lossy { .. })
    }

    /// Which servers take part. The first is the baseline.
    pub fn peers(self) -> &'static [Peer] {
        match self {
            RequestResponse { pinned: true, .. } => {
                &[STD, STD_AGAIN, OURS, OURS_PATIENT, OTHER, TOKIO, MIO, POOL, PYTHON]
            }
            RequestResponse { .. } | Churn { .. } | Bulk { .. } | Idle { .. } => {
                &[STD, STD_AGAIN, OURS, OTHER, TOKIO, MIO, POOL, PYTHON]
            }
            Beside { .. } => &[STD, STD_AGAIN, OURS, OTHER, TOKIO, POOL, PYTHON],
            Marathon { .. } => &[STD, OURS, OTHER, TOKIO],
            Burst { .. } => &[STD, STD_AGAIN, OURS, OTHER, TOKIO, PYTHON],
            Udp { .. } | UdpFlood { .. } => &[
                UDP_STD,
                UDP_STD_AGAIN,
                UDP_OURS,
                UDP_OTHER,
                UDP_TOKIO,
                UDP_SPAWN,
                UDP_PYTHON,
                UDP_PYTHON_THREADS,
            ],
            UdpBurst { .. } => &[UDP_STD, UDP_STD_AGAIN, UDP_OURS, UDP_OTHER, UDP_SPAWN],
            UdpSlow { handlers: 9.. } => &[UDP_OURS, UDP_OTHER, UDP_SPAWN],
            UdpSlow { .. } => &[
                UDP_STD,
                UDP_OURS,
                UDP_OTHER,
                UDP_SPAWN,
                UDP_PYTHON,
                UDP_PYTHON_THREADS,
            ],
            TlsVisits { .. } | TlsTalk { .. } | TlsIdle { .. } => {
                &[TLS_STD, TLS_STD_AGAIN, TLS_OURS, TLS_OTHER]
            }
            Lossy { stops: false, .. } => &[STD, STD_AGAIN, OURS, OTHER, TOKIO, PYTHON],
            // The others can't stop in any other way than to end.
            Lossy { .. } => &[OURS, OTHER],
            Stop { connections: 0 } => &[OURS, OTHER, PYTHON],
            Stop { .. } => &[STD_STOPPABLE, OURS, OTHER],
        }
    }

    /// How the servers are set up for it.
    pub fn setup(self) -> Setup {
        let setup = Setup { backlog: Some(4096), connections: 64, ..Setup::default() };
        match self {
            RequestResponse { connections, pinned } => {
                Setup { connections, core: pinned.then_some(0), ..setup }
            }
            Bulk { connections } | TlsTalk { connections, is_long: true } => {
                Setup { connections, task: Task::Bulk, ..setup }
            }
            Beside { .. } => Setup { task: Task::Slow, ..setup },
            // And the active one.
            Idle { connections } => {
                Setup { connections: connections + 1, core: Some(0), ..setup }
            }
            Lossy { .. } => Setup { task: Task::LongReply, ..setup },
            Burst { .. } => Setup { backlog: None, ..setup },
            _ => setup,
        }
    }

    /// The core that the clients run on, if the server is pinned to one.
    pub fn client_core(self) -> Option<usize> {
        self.setup().core.map(|_| 1)
    }

    /// How many of `rounds` a peer takes part in.
    pub fn rounds(self, peer: Peer, rounds: usize) -> usize {
        match self {
            // It takes a few milliseconds, and the bar is about the 99th percentile.
            Stop { connections: 0 } if peer != PYTHON => rounds * 25,
            // It takes a few milliseconds, and chance has a large part in it.
            UdpBurst { .. } => rounds * 25,
            // Four replies take less than a second, and five rounds see a hundred.
            Lossy { .. } => rounds * 5,
            // It takes a minute or two.
            Marathon { .. } => 1,
            // It takes five seconds.
            Burst { .. } if peer == PYTHON => rounds.div_ceil(3),
            _ => rounds,
        }
    }

    /// The columns of its table.
    pub fn metrics(self) -> &'static [Metric] {
        use Metric::*;
        match self {
            RequestResponse { .. } | Churn { .. } | Bulk { .. } => {
                &[Rate, P50, P99, Cpu]
            }
            Marathon { .. } => &[Rate, MemoryFirst, MemoryLast],
            Beside { .. } => &[P50, P99],
            Idle { .. } => {
                &[Memory, Descriptors, Threads, Seconds, Cpu, P50Alone, P50Beside]
            }
            Burst { .. } => &[Seconds, Served],
            Udp { .. } => &[Rate, P50, P99, Cpu, Lost],
            UdpFlood { .. } => &[Rate, Cpu],
            UdpBurst { .. } => &[Served],
            UdpSlow { .. } => &[SlowTime, FirstWait, NextWait],
            TlsVisits { .. } | TlsTalk { .. } => &[Rate, P50, P99, Cpu],
            TlsIdle { .. } => &[Memory],
            Lossy { stops: false, .. } => &[Whole, Reset, Cut, ReplyTime],
            Lossy { .. } => &[Whole, Reset, Cut, ReplyTime, StopTime],
            Stop { .. } => &[StopTime],
        }
    }

    /// Does it once.
    pub fn run(self, server: &mut Server, timing: Timing) -> io::Result<Sample> {
        match self {
            RequestResponse { connections, .. } => {
                load::request_response(server, connections, timing)
            }
            Churn { loops } => load::churn(server, loops, timing),
            Marathon { connects } => load::marathon(server, connects),
            Bulk { connections } => load::bulk(server, connections, timing),
            Beside { others, busy } => load::beside(server, others, busy, timing),
            Idle { connections } => load::idle(server, connections, timing),
            Burst { connects } => load::burst(server, connects),
            Udp { clients, in_flight } => load::udp(server, clients, in_flight, timing),
            UdpFlood { clients } => load::udp_flood(server, clients, timing),
            UdpBurst { datagrams } => load::udp_burst(server, datagrams),
            UdpSlow { handlers } => load::udp_slow(server, handlers),
            TlsVisits { loops } => load::tls_visits(server, loops, timing),
            TlsTalk { connections, is_long } => {
                load::tls_talk(server, connections, is_long, timing)
            }
            TlsIdle { connections } => load::tls_idle(server, connections),
            Lossy { talks, stops } => load::lossy(server, talks, stops),
            Stop { connections } => load::stop(server, connections),
        }
    }
}
