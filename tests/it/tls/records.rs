//! Records: what somebody on the way can do to them, and what a client can send that no
//! good one does.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::crypto::cipher::{MessageEncrypter, OutboundPlainMessage};
use rustls::pki_types::ServerName;
use rustls::{
    ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion,
    SupportedCipherSuite,
};
use socketserver::TcpRequest;

use crate::leaks::Random;
use crate::support::*;

/// Handlers that write down the lines that they get, and how they end.
fn listener(
    lines: &Notes<String>,
    ends: &Notes<Option<ErrorKind>>,
) -> impl FnMut(&mut TcpRequest) -> io::Result<()> + Clone + Send + 'static {
    let (lines, ends) = (lines.clone(), ends.clone());
    move |request| {
        let end = loop {
            match request.next_line() {
                Ok(Some(line)) => lines.add(line),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        ends.add(end.as_ref().err().map(io::Error::kind));
        end
    }
}

/// The next record, with its five bytes of header; `None` at the end.
fn read_record(mut from: &TcpStream) -> Option<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).ok()?;
    record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
    from.read_exact(&mut record[5..]).ok()?;
    Some(record)
}

/// Stands between one client and the server, and tampers with what the client sends. To
/// `tamper` it says how many encrypted records came before this one; 0 is the end of the
/// handshake.
fn man_in_the_middle(
    server: SocketAddr,
    tamper: impl Fn(usize, Vec<u8>) -> Vec<u8> + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        let server = crate::plain::connect(server);
        let (mut from, mut to) =
            (server.try_clone().unwrap(), client.try_clone().unwrap());
        let way_back = thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to); // it ends badly
            let _ = to.shutdown(Shutdown::Write);
        });
        let mut count = 0;
        while let Some(mut record) = read_record(&client) {
            if record[0] == 23 {
                record = tamper(count, record);
                count += 1;
            }
            if (&server).write_all(&record).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
        let _ = way_back.join();
    });
    address
}

/// The handler gets the lines before it, and never one that was not said.
#[test]
fn a_man_in_the_middle_ends_one_connection_and_nothing_else() {
    type Tamper = fn(Vec<u8>) -> Vec<u8>;
    let ways: [(&str, Tamper, &[&str]); 8] = [
        ("dropped", |_| Vec::new(), &["one"]),
        ("replayed", |record| [record.clone(), record].concat(), &["one", "two"]),
        ("changed at its end", |record| change(record, usize::MAX, 1), &["one"]),
        ("changed at its beginning", |record| change(record, 5, 0x80), &["one"]),
        ("deprived of a byte", |record| record[..record.len() - 1].to_vec(), &["one"]),
        ("preceded by another's", |record| [forged(), record].concat(), &["one"]),
        ("made longer than it is", |record| change(record, 4, 8), &["one"]),
        ("made longer than allowed", |record| change(record, 3, 0x80), &["one"]),
    ];
    let (lines, ends) = (Notes::new(), Notes::new());
    let (options, errors) = noting_errors(options());
    let server = tcp(options, listener(&lines, &ends));
    let mut other = connect(server.local_addr());
    for (round, (what, tamper, wanted)) in (1..).zip(ways) {
        let before = lines.len();
        let middle = man_in_the_middle(server.local_addr(), move |count, record| {
            if count == 2 { tamper(record) } else { record }
        });
        let mut client = connect(middle);
        client.write_all(b"one\n").unwrap();
        lines.wait_for(before + 1);
        for line in ["two\n", "three\n"] {
            let _ = client.write_all(line.as_bytes()); // it may be over already
        }
        // It won't say that it's at the end, so that what was dropped is not missed.
        let error = client.read_to_end(&mut Vec::new()).expect_err(what);
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "{what}: nothing happens");
        let kinds = ends.wait_for(round);
        assert_eq!(kinds[round - 1], Some(ErrorKind::InvalidData), "{what}");
        assert_eq!(lines.all()[before..], *wanted, "{what}");
        wait_until(what, || server.stats().disconnected == round as u64);
    }
    let before = lines.len();
    other.write_all(b"and I was here all the time\n").unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(other).is_empty());
    assert_eq!(lines.all()[before..], ["and I was here all the time"]);
    let stats = stop(server);
    assert_eq!((stats.finished, stats.disconnected, stats.failed), (1, 8, 0), "{stats}");
    assert_eq!(errors.len(), 0, "{:?}", errors.all());
}

/// All in one packet.
#[test]
fn what_comes_before_a_bad_record_is_handed_over() {
    let (lines, ends) = (Notes::new(), Notes::new());
    let (options, errors) = noting_errors(options());
    let server = tcp(options, listener(&lines, &ends));
    let mut client = ByHand::connect(server.local_addr());
    let good = client.record(ContentType::ApplicationData, b"one\ntwo\nthr");
    let after = client.record(ContentType::ApplicationData, b"ee\n");
    client.socket.write_all(&[good, forged(), after].concat()).unwrap();
    assert_eq!(ends.wait_for(1), [Some(ErrorKind::InvalidData)]);
    assert_eq!(lines.all(), ["one", "two"]);
    assert!(has_ended(&client.socket));
    wait_until("it is counted", || server.stats().disconnected == 1);
    assert_eq!((stop(server).failed, errors.len()), (0, 0), "{:?}", errors.all());
}

/// A record of somebody who doesn't know the keys.
fn forged() -> Vec<u8> {
    [&[23, 3, 3, 0, 22], &[7; 22][..]].concat()
}

/// Changes one byte: the last, if there are not so many.
fn change(mut record: Vec<u8>, place: usize, by: u8) -> Vec<u8> {
    let last = record.len() - 1;
    record[place.min(last)] ^= by;
    record
}

/// A client that encrypts by itself, after a good handshake. So it can send what `rustls`
/// wouldn't.
struct ByHand {
    socket: TcpStream,
    encrypter: Box<dyn MessageEncrypter>,
    number: u64,
}

impl ByHand {
    fn connect(address: SocketAddr) -> Self {
        let mut socket = crate::plain::connect(address);
        let mut config = config_for(&[&rustls::version::TLS13]);
        config.enable_secret_extraction = true;
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        while tls.is_handshaking() || tls.wants_write() {
            tls.complete_io(&mut socket).unwrap();
        }
        let Some(SupportedCipherSuite::Tls13(suite)) = tls.negotiated_cipher_suite()
        else {
            panic!("that is not TLS 1.3")
        };
        let (number, secrets) = tls.dangerous_extract_secrets().unwrap().tx;
        let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
        else {
            panic!("a cipher that nobody knows")
        };
        Self { socket, encrypter: suite.aead_alg.encrypter(key, iv), number }
    }

    /// Sends one record.
    fn send(&mut self, typ: ContentType, payload: &[u8]) -> io::Result<()> {
        let record = self.record(typ, payload);
        self.socket.write_all(&record)
    }

    /// The next record.
    fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let version = ProtocolVersion::TLSv1_3;
        let message = OutboundPlainMessage { typ, version, payload: payload.into() };
        let record = self.encrypter.encrypt(message, self.number).unwrap();
        self.number += 1;
        record.encode()
    }
}

/// Each costs us work, and brings us nothing. `rustls` takes 32 of them in a row.
#[test]
fn empty_records_are_nothing_and_too_many_of_them_end_a_connection() {
    let (lines, ends) = (Notes::new(), Notes::new());
    let (options, errors) = noting_errors(options());
    let server = tcp(options, listener(&lines, &ends));

    let mut client = ByHand::connect(server.local_addr());
    for _ in 0..3 {
        for _ in 0..32 {
            client.send(ContentType::ApplicationData, b"").unwrap();
        }
        client.send(ContentType::ApplicationData, b"hello\n").unwrap();
    }
    client.send(ContentType::Alert, &[1, 0]).unwrap(); // close_notify
    assert_eq!(ends.wait_for(1), [None]);
    assert_eq!(lines.all(), ["hello"; 3]);

    let mut client = ByHand::connect(server.local_addr());
    client.send(ContentType::ApplicationData, b"last\n").unwrap();
    lines.wait_for(4);
    for _ in 0..33 {
        let _ = client.send(ContentType::ApplicationData, b"");
    }
    assert_eq!(ends.wait_for(2), [None, Some(ErrorKind::InvalidData)]);
    assert!(has_ended(&client.socket));
    wait_until("it is counted", || server.stats().disconnected == 1);
    assert_eq!(lines.len(), 4);
    let stats = stop(server);
    assert_eq!((stats.finished, stats.disconnected, stats.failed), (1, 1, 0), "{stats}");
    assert_eq!(errors.len(), 0, "{:?}", errors.all());
}

/// Records that are encrypted well, and have no sense.
#[test]
fn records_without_sense_end_a_connection() {
    let (lines, ends) = (Notes::new(), Notes::new());
    let (options, errors) = noting_errors(options());
    let server = tcp(options, listener(&lines, &ends));
    let records: [(ContentType, &[u8]); 6] = [
        (ContentType::Handshake, b"\x01\x00\x00\x00"), // another hello
        (ContentType::Handshake, b"\x18\x00\x00\x01\x07"), // new keys, of a wrong kind
        (ContentType::Alert, &[2, 40]),                // the client has failed
        (ContentType::Alert, &[7]),
        (ContentType::ChangeCipherSpec, &[1]),
        (ContentType::Unknown(99), b"hello\n"),
    ];
    let count = records.len();
    for (round, (typ, payload)) in (1..).zip(records) {
        let mut client = ByHand::connect(server.local_addr());
        client.send(ContentType::ApplicationData, b"fine\n").unwrap();
        lines.wait_for(round);
        client.send(typ, payload).unwrap();
        let _ = client.send(ContentType::ApplicationData, b"not fine\n");
        let kinds = ends.wait_for(round);
        assert_eq!(
            kinds[round - 1],
            Some(ErrorKind::InvalidData),
            "{typ:?} {payload:?}"
        );
        assert!(has_ended(&client.socket), "{typ:?} {payload:?}");
        assert_eq!(lines.len(), round, "{typ:?} {payload:?}: {:?}", lines.all());
    }
    wait_until("they are counted", || server.stats().disconnected == count as u64);
    assert_eq!((stop(server).failed, errors.len()), (0, 0), "{:?}", errors.all());
}

const MEGABYTE: usize = 1024 * 1024;

/// Bytes that look random, piece by piece; each of them has its place.
struct Pieces(Random);

impl Pieces {
    fn new(seed: u64) -> Self {
        Self(Random(seed))
    }

    fn next(&mut self) -> Vec<u8> {
        let numbers = std::iter::repeat_with(|| self.0.below(u64::MAX));
        numbers.take(8 * 1024).flat_map(u64::to_le_bytes).collect() // 64 KiB
    }
}

/// Sends so many bytes.
fn send_pieces(mut to: impl Write, seed: u64, size: usize) -> io::Result<()> {
    let mut pieces = Pieces::new(seed);
    (0..size / 65_536).try_for_each(|_| to.write_all(&pieces.next()))
}

/// Reads so many, and compares them.
fn expect_pieces(mut from: impl Read, seed: u64, size: usize) -> io::Result<()> {
    let mut pieces = Pieces::new(seed);
    let mut piece = vec![0; 65_536];
    for number in 0..size / 65_536 {
        from.read_exact(&mut piece)?;
        assert!(piece == pieces.next(), "piece {number} is not what was sent");
    }
    Ok(())
}

#[test]
fn sixty_four_megabytes_each_way_at_once_arrive_in_their_order() {
    const SIZE: usize = 64 * MEGABYTE;
    let server = tcp(options(), |request: &mut TcpRequest| {
        let writer = request.writer();
        let sender = thread::spawn(move || send_pieces(writer, 1, SIZE));
        expect_pieces(&mut *request, 2, SIZE)?;
        assert_eq!(request.read(&mut [0])?, 0, "more than was sent");
        sender.join().unwrap()
    });
    let client = connect(server.local_addr());
    let sending = client.clone();
    let sender = thread::spawn(move || {
        let mut pieces = Pieces::new(2);
        for _ in 0..SIZE / 65_536 {
            sending.refresh_keys(); // and asks for new ones of ours
            (&sending).write_all(&pieces.next()).unwrap();
        }
        sending.shutdown(Shutdown::Write).unwrap();
    });
    expect_pieces(&client, 1, SIZE).unwrap();
    assert!(read_all(&client).is_empty());
    sender.join().unwrap();
    assert_eq!(stop(server).finished, 1);
}

/// A client changes its keys again and again, and asks for new ones of ours. But it doesn't
/// read, so there's no space for our reply to that; and what it says must be heard anyway.
#[test]
fn new_keys_can_come_while_nobody_reads_ours() {
    // What waits to be sent must be more than the small space in the buffer that a write
    // doesn't wait for. After at least two of these it is.
    for first in [0, 20_000, 40_000] {
        let lines = Notes::new();
        let note = lines.clone();
        let options =
            options().send_buffer(4096).write_timeout(Duration::from_millis(300));
        let server = tcp(options, move |request: &mut TcpRequest| {
            request.write_all(&vec![b'x'; first])?;
            let full = request.write_all(&vec![b'x'; 16 * MEGABYTE]).unwrap_err();
            assert_eq!(
                full.kind(),
                ErrorKind::TimedOut,
                "there is space for everything"
            );
            while let Some(line) = request.next_line()? {
                note.add(line);
            }
            Ok(())
        });
        let mut client = connect(server.local_addr());
        for round in 0..100 {
            client.refresh_keys();
            let line = format!("round {round}");
            client.write_all(format!("{line}\n").as_bytes()).unwrap();
            assert_eq!(lines.wait_for(round + 1)[round], line);
        }
        drop(client);
        assert_eq!(stop(server).finished, 0);
    }
}

/// With nothing said in between. `rustls` takes 32 of them.
#[test]
fn new_keys_and_nothing_else_end_a_connection() {
    let (lines, ends) = (Notes::new(), Notes::new());
    let (options, errors) = noting_errors(options());
    let server = tcp(options, listener(&lines, &ends));
    let mut client = connect(server.local_addr());
    client.write_all(b"hello\n").unwrap();
    lines.wait_for(1);
    for _ in 0..33 {
        client.refresh_keys();
    }
    let _ = client.write_all(b"at last\n");
    assert_eq!(ends.wait_for(1), [Some(ErrorKind::InvalidData)]);
    assert!(client.read_to_end(&mut Vec::new()).is_err());
    wait_until("it is counted", || server.stats().disconnected == 1);
    assert_eq!(lines.all(), ["hello"]);
    assert_eq!((stop(server).failed, errors.len()), (0, 0), "{:?}", errors.all());
}
