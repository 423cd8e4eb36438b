//! WRONG: 10 MB without a newline don't disturb the others
use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use socketserver::{RequestHandler, TcpRequest, ThreadedServer, UdpRequest};

/// How far a customer is: the number of a question, or no dialogue.
type State = Option<usize>;

#[derive(Clone, Default)]
struct Library {
    state: State,                                  // TCP: this customer's
    states: Arc<Mutex<HashMap<SocketAddr, State>>>, // UDP: everybody's, by address
}

const QUESTIONS: [&str; 2] = ["Do you want to borrow a book (yes, no)? ", "A long one (yes, no)? "];

/// The bot's turn. (One that serves strangers would also forget old states.)
fn turn(state: State, answer: &str) -> (State, String) {
    let Some(number) = state else { return (Some(0), QUESTIONS[0].to_owned()) };
    match (number, answer.trim()) {
        (0, "yes") => (Some(1), QUESTIONS[1].to_owned()),
        (_, "yes" | "no") => (None, "Goodbye.\n".to_owned()),
        (_, other) => (state, format!("What is {other:?}? {}", QUESTIONS[number])),
    }
}

impl RequestHandler for Library {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let mut line = String::new();
        loop {
            let (state, text) = turn(self.state, &line);
            self.state = state;
            request.write_all(text.as_bytes())?;
            line.clear();
            if state.is_none() || request.read_line(&mut line).unwrap_or_else(|_| std::process::exit(1)) == 0 {
                return Ok(());
            }
        }
    }
}

impl RequestHandler<UdpRequest> for Library {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        let answer = String::from_utf8_lossy(request.data()).into_owned();
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let customer = states.entry(request.client_address()).or_default();
        let (state, text) = turn(*customer, &answer);
        *customer = state;
        drop(states);
        request.reply(text.as_bytes())
    }
}

fn bind(addr: &str) -> io::Result<(ThreadedServer, ThreadedServer)> {
    let bot = Library::default();
    let tcp = ThreadedServer::tcp(addr, bot.clone())?;
    match ThreadedServer::udp(tcp.local_addr(), bot) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && addr.ends_with(":0") => bind(addr),
        udp => Ok((tcp, udp?)),
    }
}

pub(crate) fn main() -> io::Result<()> {
    let (tcp, udp) = bind(&crate::addr())?;
    tcp.handle().shutdown_on_ctrl_c()?;
    udp.handle().shutdown_on_ctrl_c()?;
    println!("listening on {}", tcp.local_addr());
    let udp = udp.spawn()?;
    tcp.serve_forever()?;
    udp.join()
}
