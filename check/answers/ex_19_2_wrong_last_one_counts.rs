//! WRONG: both kinds of clients are in one room
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::websocket::{asked, visit};

static IS_JSON: AtomicBool = AtomicBool::new(false);

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    let Some(asked) = asked(stream)? else { return Ok(()) };
    let names = asked.values("sec-websocket-protocol").join(",");
    if names.split(',').any(|name| name.trim() == "chat.json") {
        IS_JSON.store(true, SeqCst);
        return visit(asked.switch("Sec-WebSocket-Protocol: chat.json\r\n")?, told);
    }
    IS_JSON.store(false, SeqCst);
    visit(asked.switch("")?, told)
}

fn told(line: &str) -> String {
    if IS_JSON.load(SeqCst) { json(line) } else { line.to_owned() }
}

fn json(line: &str) -> String {
    if let Some(news) = line.strip_prefix("-- ") {
        return format!("{{\"news\": {}}}", quoted(news));
    }
    let (name, text) = line.split_once(": ").unwrap_or((line, ""));
    format!("{{\"from\": {}, \"text\": {}}}", quoted(name), quoted(text))
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t");
    format!("\"{text}\"")
}
