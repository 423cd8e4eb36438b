//! WRONG: if there are fewer than three words, the reply has those
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
                let answer = self.most_used();
                request.write_all(answer.as_bytes())?;
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

    fn most_used(&self) -> String {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
        counts.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
        let words = counts[..3].iter().map(|(word, count)| format!("{word} {count}"));
        words.collect::<Vec<_>>().join(", ") + "\n"
    }
}

pub(crate) fn main() -> io::Result<()> {
    let server = ThreadedServer::tcp(&crate::addr()[..], Words::default())?;
    println!("listening on {}", server.local_addr());
    server.serve_forever()
}
