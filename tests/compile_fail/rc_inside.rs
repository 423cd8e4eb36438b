// `Rc<RefCell<usize>>` cannot be sent between threads safely
// share with `Arc<Mutex<..>>`, not `Rc`

use std::cell::RefCell;
use std::rc::Rc;

use socketserver::{RequestHandler, TcpRequest, ThreadedServer};

#[derive(Clone, Default)]
struct Counter {
    visitors: Rc<RefCell<usize>>,
}

impl RequestHandler for Counter {
    fn handle(&mut self, _request: &mut TcpRequest) -> std::io::Result<()> {
        *self.visitors.borrow_mut() += 1;
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    ThreadedServer::tcp("127.0.0.1:0", Counter::default())?.serve_forever()
}
