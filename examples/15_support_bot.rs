//! Lesson 15: a support bot. Its dialogue is a text file; TCP and UDP share a handler.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::{process::ExitCode, sync::Arc, time::Instant};

use bot::customer::{client, two_customers};
use bot::desk::{Desk, readable};
use bot::dialogue::{Dialogue, Memory};
use parking_lot::Mutex;
use socketserver::{RequestHandler, TcpRequest, ThreadedServer, UdpRequest};
use support::events::{come, come_and_go};
use support::{Args, Lesson};

mod bot;
mod support;

fn main() -> ExitCode {
    Lesson::new("a bot that finds a customer's problem", demonstration)
        .ends("127.0.0.1:9015", serve, client)
        .words("[ANSWERS...]")
        .flag("udp", "client: send datagrams")
        .text("dialogue", "FILE", "server: serve a dialogue of your own")
        .run()
}

// [bot]
#[derive(Clone)]
struct Bot {
    desk: Arc<Desk>,            // shared by all: the dialogue, the tickets
    dialogue: Option<Dialogue>, // TCP: this connection's own
    memory: Arc<Mutex<Memory<SocketAddr>>>, // UDP: shared by all, by address
}
// [/bot]

// [tcp]
impl RequestHandler for Bot {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let mut answer = String::new(); // the bot speaks first
        loop {
            let (dialogue, text) = self.desk.turn(self.dialogue.take(), &answer);
            request.write_all(text.as_bytes())?;
            if dialogue.is_none() {
                return Ok(()); // that was the bot's last word
            }
            self.dialogue = dialogue;
            answer = match request.next_line().transpose() {
                Some(line) => readable(line)?,
                None => return writeln!(request, "\nI have to go now. Goodbye."),
            };
        }
    }
}
// [/tcp]

// [udp]
impl RequestHandler<UdpRequest> for Bot {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        let (customer, now) = (request.client_address(), Instant::now());
        let answer = String::from_utf8_lossy(request.data());
        let mut memory = self.memory.lock();
        let (dialogue, text) = self.desk.turn(memory.recall(customer, now), &answer);
        memory.keep(customer, dialogue, now);
        drop(memory); // don't send while holding the lock
        request.reply(text.as_bytes())
    }
}
// [/udp]

// [serve]
fn bind(addr: &str, args: &Args) -> io::Result<(ThreadedServer, ThreadedServer)> {
    let bot = Bot { desk: Desk::open(args)?, dialogue: None, memory: Arc::default() };
    let tcp = ThreadedServer::builder().on_event(come_and_go).tcp(addr, bot.clone())?;
    let udp = ThreadedServer::builder().on_event(come).thread_name("bot");
    match udp.udp(tcp.local_addr(), bot) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && addr.ends_with(":0") => {
            bind(addr, args) // this number is taken for UDP: ask for another one
        }
        udp => Ok((tcp, udp?)),
    }
}

fn serve(args: &Args) -> io::Result<()> {
    let (tcp, udp) = bind(args.addr(), args)?;
    tcp.handle().shutdown_on_ctrl_c()?;
    udp.handle().shutdown_on_ctrl_c()?;
    args.listening(tcp.local_addr());
    let udp = udp.spawn()?;
    tcp.serve_forever()?;
    udp.join()
}
// [/serve]

fn demonstration(args: &Args) -> io::Result<()> {
    let (tcp, udp) = bind("127.0.0.1:0", args)?;
    let (tcp, _udp) = (tcp.spawn()?, udp.spawn()?);
    two_customers(&tcp.local_addr().to_string())
}
