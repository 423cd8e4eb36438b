//! WRONG: a command that isn't complete has no effect
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use socketserver::{RequestHandler, TcpRequest, ThreadedServer};

const MAX_MESSAGE: usize = 1024;

#[derive(Clone, Default)]
struct Store {
    values: Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>, // everybody's
}

impl RequestHandler for Store {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        match self.talk(request) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()), // it is done
            result => result,
        }
    }
}

impl Store {
    fn talk(&self, request: &mut TcpRequest) -> io::Result<()> {
        loop {
            let mut length = [0; 4];
            request.read_exact(&mut length)?;
            let length = u32::from_be_bytes(length) as usize;
            if length > MAX_MESSAGE {
                return send(request, b"ERROR the message is over 1024 bytes long");
            }
            let mut message = Vec::new();
            Read::by_ref(request).take(length as u64).read_to_end(&mut message)?;
            let answer = self.answer(&message);
            send(request, &answer)?;
            if answer == b"BYE" {
                return Ok(());
            }
        }
    }

    fn answer(&self, message: &[u8]) -> Vec<u8> {
        let words: Vec<&[u8]> = message.splitn(3, |byte| *byte == b' ').collect();
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match words[..] {
            [_, key, ..] if std::str::from_utf8(key).is_err() => {
                b"ERROR the key is not UTF-8".to_vec()
            }
            [b"SET", key, value] => {
                values.insert(key.to_vec(), value.to_vec());
                b"OK".to_vec()
            }
            [b"GET", key] => match values.get(key) {
                Some(value) => [b"OK ", &value[..]].concat(),
                None => b"NONE".to_vec(),
            },
            [b"DEL", key] => values.remove(key).map_or(&b"NONE"[..], |_| b"OK").to_vec(),
            [b"COUNT"] => format!("OK {}", values.len()).into_bytes(),
            [b"QUIT"] => b"BYE".to_vec(),
            _ => b"ERROR send SET KEY VALUE, GET KEY, DEL KEY, COUNT or QUIT".to_vec(),
        }
    }
}

fn send(request: &mut TcpRequest, answer: &[u8]) -> io::Result<()> {
    let length = answer.len() as u32;
    request.write_all(&[&length.to_be_bytes(), answer].concat())
}

pub(crate) fn main() -> io::Result<()> {
    let server = ThreadedServer::tcp(&crate::addr()[..], Store::default())?;
    println!("listening on {}", server.local_addr());
    server.serve_forever()
}
