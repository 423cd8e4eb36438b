//! The peer that misbehaves on request, `examples/peer.rs`.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, path::PathBuf};

const PATIENCE: Duration = Duration::from_secs(10);

/// The program, built once.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let cargo = env::var("CARGO").unwrap_or("cargo".to_owned());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--example", "peer"]).current_dir(check::root());
        assert!(build.status().expect("cargo").success());
        let test = env::current_exe().expect("this test");
        let folder = test.ancestors().nth(2).expect("target/debug").join("examples");
        folder.join("peer").with_extension(env::consts::EXE_EXTENSION)
    })
}

/// A peer that runs; dropping it stops it.
struct Peer(Child);

impl Peer {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(program());
        command
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(command.spawn().expect("the peer starts"))
    }

    /// Starts a server, and waits until it listens.
    fn serve(words: &[&str]) -> (Self, SocketAddr) {
        let mut peer = Self::start(&[&["serve", "127.0.0.1:0"], words].concat());
        let mut line = String::new();
        let output = peer.0.stdout.as_mut().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let addr =
            line.strip_prefix("listening on ").and_then(|line| line.split(' ').next());
        let addr = addr.unwrap_or_else(|| panic!("it listens: {line:?}"));
        (peer, addr.parse().expect("an address"))
    }

    /// What it printed, once it has ended.
    fn end(mut self) -> (bool, String) {
        let until = Instant::now() + PATIENCE;
        while self.0.try_wait().expect("a status").is_none() {
            assert!(Instant::now() < until, "it has not ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut text = String::new();
        self.0.stdout.as_mut().expect("output").read_to_string(&mut text).expect("text");
        (self.0.wait().expect("a status").success(), text)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server of ours, and the peer that is its client.
fn client(words: &[&str]) -> (TcpStream, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let addr = listener.local_addr().expect("its address").to_string();
    let peer = Peer::start(&[&[addr.as_str()], words].concat());
    let (stream, _) = listener.accept().expect("a client");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    (stream, peer)
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

#[test]
fn a_client_sends_its_pieces_and_prints_what_comes() {
    let (mut stream, peer) = client(&["Hello\\n", "\\xc3\\xa9"]);
    let mut data = [0; 8];
    stream.read_exact(&mut data).expect("eight bytes");
    assert_eq!(&data, b"Hello\n\xc3\xa9");
    stream.write_all("été \x1b[31m\u{ff}".as_bytes()).expect("written");
    stream.write_all(b"\xff\n").expect("written");
    drop(stream);
    assert_eq!(peer.end(), (true, "été \\u{1b}[31mÿ\\xff\n".to_owned()));
}

#[test]
fn without_pieces_a_client_sends_what_is_typed_and_is_silent_before() {
    let (mut stream, mut peer) = client(&[]);
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let silence = stream.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(silence, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)));
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut keys = peer.0.stdin.take().expect("its keyboard");
    keys.write_all(b"one\ntwo\n").expect("typed");
    drop(keys); // Ctrl-D
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("text, and then the end of file");
    assert_eq!(text, "one\ntwo\n");
}

#[test]
fn a_client_can_end_split_drip_and_flood() {
    let (mut stream, _peer) = client(&["Hello", "--end"]);
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("text, and then the end of file");
    assert_eq!(text, "Hello");

    for (words, pieces) in [
        (&["été", "--split", "1"][..], &[&b"\xc3"[..], b"\xa9t\xc3\xa9"][..]),
        (&["abc", "--drip", "100"], &[b"a", b"b", b"c"]),
    ] {
        let (mut stream, _peer) = client(words);
        let mut data = [0; 100];
        for piece in pieces {
            // A busy machine may join two, but never in another order; look at the first only.
            let count = stream.read(&mut data[..piece.len()]).expect("a piece");
            assert_eq!(&data[..count], &piece[..count], "{words:?}");
        }
    }

    let (mut stream, _peer) = client(&["--flood", "10000000", "--end"]);
    let count = std::io::copy(&mut stream, &mut std::io::sink()).expect("a flood");
    assert_eq!(count, 10_000_000);
    let (mut stream, _peer) =
        client(&["one\\n", "two\\n", "--flood", "200000", "--end"]);
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("text, and then the end of file");
    assert_eq!(text, "one\n".to_owned() + &"two\n".repeat(50_001));
}

#[test]
fn a_client_can_stop_reading_and_can_reset() {
    let (mut stream, _peer) = client(&["Hello", "--no-read"]);
    stream.read_exact(&mut [0; 5]).expect("five bytes");
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let full = stream.write_all(&vec![b'x'; 100_000_000]).map_err(|error| error.kind());
    assert!(
        matches!(full, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)),
        "{full:?}"
    );

    let (mut stream, peer) = client(&["Hello", "--reset"]);
    assert!(peer.end().0);
    let mut text = Vec::new();
    let broken = stream.read_to_end(&mut text).map_err(|error| error.kind());
    assert_eq!(broken, Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_server_sends_back_cuts_and_breaks_off() {
    let (_peer, addr) = Peer::serve(&[]);
    let mut stream = connect(addr);
    stream.write_all(b"Hello").expect("written");
    let mut data = [0; 5];
    stream.read_exact(&mut data).expect("five bytes");
    assert_eq!(&data, b"Hello");

    let (_peer, addr) = Peer::serve(&["--cut", "3"]);
    let mut stream = connect(addr);
    stream.write_all(b"abc").expect("written");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("text, and then the end of file");
    assert_eq!(text, "abc");

    let (_peer, addr) = Peer::serve(&["--reset"]);
    let mut stream = connect(addr);
    stream.write_all(b"abc").expect("written");
    let broken = stream.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(broken, Err(ErrorKind::ConnectionReset));

    let (_peer, addr) = Peer::serve(&["--no-read"]);
    let mut stream = connect(addr);
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let full = stream.write_all(&vec![b'x'; 100_000_000]).map_err(|error| error.kind());
    assert!(
        matches!(full, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)),
        "{full:?}"
    );
}

#[test]
fn datagrams_come_from_one_address_and_can_be_lost() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let addr = socket.local_addr().expect("its address").to_string();
    let _peer = Peer::start(&["--udp", &addr, "one", "", "three"]);
    let mut data = [0; 100];
    let mut clients = Vec::new();
    for wanted in [&b"one"[..], b"", b"three"] {
        let (count, client) = socket.recv_from(&mut data).expect("a datagram");
        assert_eq!(&data[..count], wanted);
        clients.push(client);
    }
    assert!(clients.iter().all(|client| *client == clients[0]), "{clients:?}");

    let (_server, addr) = Peer::serve(&["--udp", "--lose", "2"]);
    for text in ["one", "two", "three", "four"] {
        socket.send_to(text.as_bytes(), addr).expect("sent");
    }
    for wanted in [&b"three"[..], b"four"] {
        let count = socket.recv(&mut data).expect("an answer");
        assert_eq!(&data[..count], wanted);
    }
}

#[test]
fn what_it_does_not_understand_is_answered_in_words() {
    let told = |words: &[&str]| {
        let output = Command::new(program()).args(words).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (words, wanted) in [
        (&["--fly", "127.0.0.1:1"][..], "There is no `--fly`."),
        (&["127.0.0.1:1", "-5"], "Put `--` before a piece"),
        (&["--drip"], "--drip needs a number after it."),
        (&["127.0.0.1:1", "--drip", "slowly"], "needs a whole number, not `slowly`."),
        (&["127.0.0.1:1", "--drip=-1"], "needs a whole number, not `-1`."),
        (&["127.0.0.1:1", "--flood", "99999999999999999999"], "at most."),
        (&["127.0.0.1:1", "--end", "--end"], "--end is there twice."),
        (&["127.0.0.1:1", "--end=yes"], "--end takes no value."),
        (&["127.0.0.1:1", "serve"], "`serve` goes before the address."),
        (&["127.0.0.1:65536"], "not a number from 0 to 65535"),
        (&["127.0.0.1:0"], "port 0 means any free port"),
        (&["::1:9"], "needs brackets"),
        (&["serve", "9999"], "the port is missing"),
        (&["client", "127.0.0.1:1"], "`client` is not an address"),
        // What this way of running it would ignore.
        (&["127.0.0.1:1", "--cut", "5"], "--cut does nothing for a TCP client"),
        (&["--udp", "127.0.0.1:1", "x", "--reset"], "nothing for a UDP client"),
        (&["serve", "127.0.0.1:0", "--flood", "5"], "nothing for a TCP server"),
        (&["serve", "127.0.0.1:0", "--lose", "5"], "nothing for a TCP server"),
        (&["serve", "--udp", "127.0.0.1:0", "--cut", "5"], "nothing for a UDP server"),
        (&["serve", "127.0.0.1:0", "hello"], "A server has no pieces to send"),
        (&["serve", "127.0.0.1:0", "--no-read", "--cut=5"], "does nothing else"),
        (&["127.0.0.1:1", "--split", "3"], "that piece has 0 bytes"),
        (&["127.0.0.1:1", "hi", "--split", "2"], "that piece has 2 bytes"),
        (&["127.0.0.1:1", "", "--flood", "5"], "and that is empty"),
        (&["127.0.0.1:1", "a\\q"], "After a backslash comes"),
        (&["127.0.0.1:1", "\\xzz"], "is not a byte"),
        (&["--udp"], "It needs an address"),
    ] {
        let (status, errors) = told(words);
        assert_eq!(status, Some(2), "{words:?}: {errors}");
        assert!(
            errors.contains(wanted) && errors.contains("-- --help"),
            "{words:?}: {errors}"
        );
    }
    let (_peer, taken) = Peer::serve(&[]);
    let taken = taken.to_string();
    for (words, wanted) in [
        (&["127.0.0.1:1"][..], "Nobody listens on 127.0.0.1:1."),
        (&["no..host:80"], "No host called `no..host`"),
        (&["serve", "no..host:80"], "No host called `no..host`"),
        (&["serve", "203.0.113.1:0"], "is not an address of this machine"),
        (&["serve", &taken], "already listens on"),
    ] {
        let (status, errors) = told(words);
        assert_eq!(status, Some(2), "{words:?}: {errors}");
        assert!(errors.contains(wanted), "{words:?}: {errors}");
        assert_eq!(errors.lines().count(), 2, "{words:?}: {errors}");
    }
    let output = Command::new(program()).arg("--help").output().expect("it runs");
    assert!(
        output.status.success() && output.stdout.starts_with(b"A peer for your own")
    );
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let wide = |line: &&str| line.chars().count() > 80;
    assert_eq!(help.lines().find(wide), None);
}

/// After `--`, a piece can look like an option.
#[test]
fn a_piece_can_begin_with_a_dash() {
    let (mut stream, _peer) = client(&["--end", "--", "--end", "serve"]);
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("its pieces");
    assert_eq!(text, "--endserve");
}

#[cfg(unix)]
#[test]
fn a_word_that_is_not_utf_8_is_rejected() {
    use std::os::unix::ffi::OsStrExt;
    let word = std::ffi::OsStr::from_bytes(b"\xff");
    let mut peer = Command::new(program());
    let output = peer.arg("127.0.0.1:1").arg(word).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("is not UTF-8. Write such a byte as \\xff"), "{errors}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_panic() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
    let mut peer = Command::new(program());
    let output = peer.arg("--help").stdout(full).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.starts_with("The output cannot be written"), "{errors}");
}
