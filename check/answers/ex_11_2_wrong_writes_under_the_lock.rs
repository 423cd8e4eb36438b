//! WRONG: a client that never reads doesn't keep the others waiting
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use socketserver::{RequestHandler, TcpRequest, ThreadedServer};

#[derive(Clone, Default)]
struct Words {
    counts: Arc<Mutex<HashMap<String, usize>>>, // everybody's
}

impl RequestHandler for Words {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let mut line = String::new();
        while request.read_line(&mut line)? > 0 {
            if line.trim_end() == "?" {
                self.answer(request)?;
            } else {
                self.count(&line);
            }
            line.clear();
        }
        Ok(())
    }
}

impl Words {
    fn count(&self, line: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for word in line.split_whitespace() {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
    }

    fn answer(&self, request: &mut TcpRequest) -> io::Result<()> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
        counts.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
        let words = counts.iter().take(3).map(|(word, count)| format!("{word} {count}"));
        let answer = words.collect::<Vec<_>>().join(", ") + "\n";
        request.write_all(answer.as_bytes())
    }
}

pub(crate) fn main() -> io::Result<()> {
    let server = ThreadedServer::tcp(&crate::addr()[..], Words::default())?;
    println!("listening on {}", server.local_addr());
    server.serve_forever()
}
