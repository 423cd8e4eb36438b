//! WRONG: who names `chat.json` is told that it was chosen
use std::io;
use std::net::TcpStream;

use crate::websocket::{asked, visit};

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    let Some(asked) = asked(stream)? else { return Ok(()) };
    let names = asked.values("sec-websocket-protocol").join(",");
    if names.split(',').any(|name| name.trim() == "chat.json") {
        return visit(asked.switch("")?, json);
    }
    visit(asked.switch("")?, str::to_owned)
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
