//! Lesson 20: what TLS protects from and what it doesn't, and what odd clients can do.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use course::files::{read, root};
use course::programs::{DEADLINE, Program, announce, example, python, run};
use papers::Papers;
use socket2::SockRef;
use socketserver::{RunningServer, TcpRequest, ThreadedServer};
use tls::{Encrypted, encrypted, goodbye};
use upper::Upper;

#[path = "../course/mod.rs"]
mod course;
#[path = "../../examples/20_tls/papers.rs"]
#[allow(dead_code, reason = "its program uses the rest")]
mod papers;
#[path = "../../examples/support/mod.rs"]
mod support;
#[path = "../../examples/20_tls/tls.rs"]
#[allow(dead_code, reason = "its program uses the rest")]
mod tls;
#[path = "../../examples/20_tls/upper.rs"]
mod upper;

/// A test fails with whatever went wrong.
type Outcome = Result<(), Box<dyn std::error::Error>>;

const LESSON: &str = "20_tls";

/// The lesson's server, on a free port, and the text of `authority.pem`.
fn server() -> Result<(Program, SocketAddr, String), Box<dyn std::error::Error>> {
    let mut command = Command::new(example(LESSON));
    let (server, addr) =
        Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))?;
    let trusted = fs::read_to_string(file(addr, "authority.pem"))?;
    Ok((server, addr, trusted))
}

/// A file that the server at this address wrote.
fn file(addr: SocketAddr, name: &str) -> String {
    let file = root().join(papers::folder(&addr.to_string())).join(name);
    file.to_string_lossy().into_owned()
}

/// A server of this test's own.
fn upper(papers: &Papers) -> io::Result<RunningServer> {
    let builder = ThreadedServer::builder().tls(papers.certificate()?);
    builder.tcp("127.0.0.1:0", Upper::default())?.spawn()
}

fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

fn secret(addr: SocketAddr, trusted: &str) -> io::Result<Encrypted> {
    let stream = encrypted(connect(addr)?, "localhost", trusted)?;
    stream.sock.set_read_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// Sends something on a connection and reads the same number of bytes back.
fn answered(stream: &mut (impl Read + Write), message: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(message)?;
    stream.flush()?;
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// What the lesson's client prints with these arguments, and its exit status.
fn client(args: &[&str]) -> Result<(String, Option<i32>), String> {
    let mut command = Command::new(example(LESSON));
    command.arg("client").args(args);
    printed(&mut command)
}

/// The same for its Python version.
fn python_client(python: &str, args: &[&str]) -> Result<(String, Option<i32>), String> {
    let mut command = Command::new(python);
    command.args(["lessons/python/20_tls.py", "client"]).args(args);
    printed(&mut command)
}

fn printed(command: &mut Command) -> Result<(String, Option<i32>), String> {
    let (output, _) = run(command, Instant::now() + DEADLINE)?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code()))
}

// ---- The handler, and the files ---------------------------------------------------------

#[test]
fn the_handler_is_the_one_of_lesson_11() -> Outcome {
    let lesson = read(&root().join("examples/11_threaded_server.rs"))?;
    let (_, handler) = lesson.split_once("// [handler]\n").ok_or("no handler")?;
    let (handler, _) = handler.split_once("// [/handler]").ok_or("no end")?;
    let here = read(&root().join("examples/20_tls/upper.rs"))?;
    assert!(
        here.replace("pub(crate) struct", "struct").ends_with(handler),
        "lesson 11 has changed: copy its handler into examples/20_tls/upper.rs"
    );
    Ok(())
}

#[cfg(unix)]
#[test]
fn the_private_key_is_readable_by_its_owner_only() -> Outcome {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let mode = |file: &str| -> io::Result<u32> {
        Ok(fs::metadata(file)?.permissions().mode() & 0o777)
    };
    let (mut first, addr, _) = server()?;
    let key = file(addr, "key.pem");
    assert_eq!(mode(&key)?, 0o600);
    first.interrupt()?;
    first.status(Instant::now() + DEADLINE)?;

    // Others might read the old file, or it leads to somewhere else.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    let old = fs::read_to_string(&key)?;
    let certificate = file(addr, "certificate.pem");
    fs::remove_file(&certificate)?;
    symlink(&key, &certificate)?;
    let mut command = Command::new(example(LESSON));
    let _second = Program::server(command.args(["serve", "--addr", &addr.to_string()]))?;
    assert_eq!(mode(&key)?, 0o600);
    assert_ne!(fs::read_to_string(&key)?, old, "made again at each start");
    assert!(fs::read_to_string(&certificate)?.contains("BEGIN CERTIFICATE"));
    assert!(fs::read_to_string(&key)?.contains("PRIVATE KEY"));
    Ok(())
}

#[test]
fn a_server_that_cannot_start_leaves_the_files_of_the_other_alone() -> Outcome {
    let (_server, addr, trusted) = server()?;
    let mut again = Command::new(example(LESSON));
    let (said, status) = printed(again.args(["serve", "--addr", &addr.to_string()]))?;
    assert!(said.contains("already listens on"), "{said}");
    assert_eq!(status, Some(2));
    assert_eq!(fs::read_to_string(file(addr, "authority.pem"))?, trusted);
    assert_eq!(answered(&mut secret(addr, &trusted)?, b"hello")?, b"HELLO");
    Ok(())
}

#[test]
fn cargo_says_which_feature_is_missing() -> Outcome {
    if !root().join("more/tls").is_dir() {
        return Ok(());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    let (said, status) =
        printed(command.args(["run", "--offline", "--example", LESSON]))?;
    assert!(
        said.contains("target `20_tls` in package `tls` requires the features: `tls`"),
        "{said}"
    );
    assert!(said.contains("--features=\"tls\""), "{said}");
    assert_ne!(status, Some(0));
    Ok(())
}

// ---- On the way -------------------------------------------------------------------------

/// Somebody on the way to a server: gets what the client sends, piece by piece, and says
/// what is passed on. `None` cuts the connection. All that the server sends comes back
/// too.
fn on_the_way(
    server: SocketAddr,
    mut pass: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
) -> io::Result<(SocketAddr, thread::JoinHandle<Vec<u8>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let here = listener.local_addr()?;
    let relay = thread::spawn(move || {
        let Ok((mut client, _)) = listener.accept() else { return vec![] };
        let Ok(mut server) = connect(server) else { return vec![] };
        let (Ok(mut back), Ok(mut from)) = (client.try_clone(), server.try_clone())
        else {
            return vec![];
        };
        let answers = thread::spawn(move || {
            let (mut all, mut data) = (vec![], [0; 4096]);
            while let Ok(count @ 1..) = from.read(&mut data) {
                all.extend_from_slice(&data[..count]);
                if back.write_all(&data[..count]).is_err() {
                    break;
                }
            }
            let _ = back.shutdown(Shutdown::Write);
            all
        });
        let mut data = [0; 4096];
        while let Ok(count @ 1..) = client.read(&mut data) {
            match pass(&data[..count]) {
                Some(data) if server.write_all(&data).is_ok() => {}
                _ => break,
            }
        }
        let _ = client.shutdown(Shutdown::Write); // what follows was lost on the way
        let _ = server.shutdown(Shutdown::Both);
        answers.join().unwrap_or_default()
    });
    Ok((here, relay))
}

/// Waits until no client is connected any more.
fn ended(server: &RunningServer) {
    let until = Instant::now() + DEADLINE;
    while server.stats().active > 0 && Instant::now() < until {
        thread::yield_now();
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn a_spy_learns_the_name_and_the_length_but_no_word() -> Outcome {
    let papers = Papers::new()?;
    let server = upper(&papers)?;
    let (sent, seen) = std::sync::mpsc::channel();
    let pass = move |data: &[u8]| sent.send(data.to_vec()).ok().map(|()| data.to_vec());
    let (spy, relay) = on_the_way(server.local_addr(), pass)?;
    let mut stream = secret(spy, &papers.authority)?;
    let mut all: Vec<u8> = Vec::new();
    for (message, length) in [(&b"My PIN is 1234\n"[..], 37), (&[b'x'; 100][..], 122)] {
        while let Ok(piece) = seen.try_recv() {
            all.extend(piece); // of the handshake: the server has had it
        }
        let before = all.len();
        assert_eq!(answered(&mut stream, message)?, message.to_ascii_uppercase());
        while let Ok(piece) = seen.try_recv() {
            all.extend(piece);
        }
        // The last bytes of the handshake might come together with the first message.
        let came = all.len() - before;
        assert!(came >= length, "{came} bytes");
        let record = &all[all.len() - length..];
        assert_eq!(record[..3], [23, 3, 3], "the head of a record: it is data");
        assert_eq!(usize::from(u16::from_be_bytes([record[3], record[4]])), length - 5);
    }
    goodbye(stream)?;
    let answers = relay.join().map_err(|_| "the relay panicked")?;
    assert!(contains(&all, b"localhost"), "the name of the server");
    for text in [&b"PIN"[..], b"1234", b"xxx"] {
        assert!(!contains(&all, text));
        assert!(!contains(&answers, &text.to_ascii_uppercase()));
    }
    let name = b"The server of lesson 20"; // it is in the certificate
    assert!(!contains(&answers, name), "the certificate is encrypted, too");
    Ok(())
}

#[test]
fn a_changed_byte_ends_the_connection() -> Outcome {
    let papers = Papers::new()?;
    let server = upper(&papers)?;
    let now = Arc::new(AtomicBool::new(false));
    let is_time = Arc::clone(&now);
    let pass = move |data: &[u8]| {
        let mut data = data.to_vec();
        if is_time.load(Ordering::SeqCst) {
            *data.last_mut()? ^= 1;
        }
        Some(data)
    };
    let (way, _relay) = on_the_way(server.local_addr(), pass)?;
    let mut stream = secret(way, &papers.authority)?;
    assert_eq!(answered(&mut stream, b"hello")?, b"HELLO");
    now.store(true, Ordering::SeqCst);
    stream.write_all(b"hello")?;
    stream.flush()?;
    let error = stream.read(&mut [0; 64]).expect_err("an answer to what nobody said");
    let why = error.to_string();
    assert!(why.contains("BadRecordMac") || why.contains("DecryptError"), "{why}");
    ended(&server);
    assert_eq!(server.stats().finished, 0, "{}", server.stats());

    // The plain server replies to anything.
    let plain = ThreadedServer::tcp("127.0.0.1:0", Upper::default())?.spawn()?;
    let (way, _relay) = on_the_way(plain.local_addr(), |data| {
        Some(data.iter().map(|byte| byte ^ 1).collect())
    })?;
    assert_eq!(answered(&mut connect(way)?, b"hello")?, b"IDMMN");
    Ok(())
}

#[test]
fn a_cut_connection_is_not_an_end() -> Outcome {
    let papers = Papers::new()?;
    let server = upper(&papers)?;
    let now = Arc::new(AtomicBool::new(false));
    let is_time = Arc::clone(&now);
    let cut = move |data: &[u8]| {
        (!is_time.load(Ordering::SeqCst)).then(|| data.to_vec()) // or nothing more
    };
    let (way, _relay) = on_the_way(server.local_addr(), cut.clone())?;
    let mut stream = secret(way, &papers.authority)?;
    assert_eq!(answered(&mut stream, b"hello")?, b"HELLO");
    now.store(true, Ordering::SeqCst);
    stream.write_all(b"more")?;
    stream.flush()?;
    let error = stream.read(&mut [0; 64]).expect_err("an end");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");

    ended(&server);
    let stats = server.stats();
    assert_eq!((stats.finished, stats.disconnected), (0, 1), "{stats}");

    let plain = ThreadedServer::tcp("127.0.0.1:0", Upper::default())?.spawn()?;
    now.store(false, Ordering::SeqCst);
    let (way, _relay) = on_the_way(plain.local_addr(), cut)?;
    let mut stream = connect(way)?;
    assert_eq!(answered(&mut stream, b"hello")?, b"HELLO");
    now.store(true, Ordering::SeqCst);
    stream.write_all(b"more")?;
    assert_eq!(stream.read(&mut [0; 64])?, 0, "it looks like a good end");
    Ok(())
}

#[test]
fn a_client_that_refuses_the_certificate_never_meets_the_handler() -> Outcome {
    let papers = Papers::new()?;
    let builder = ThreadedServer::builder().tls(papers.certificate()?);
    let (met, meetings) = std::sync::mpsc::channel();
    let told = met.clone();
    let handler = move |_: &mut TcpRequest| {
        let _ = met.send(());
        Ok(())
    };
    let builder = builder.handle_error(move |_, _| {
        let _ = told.send(());
    });
    let server = builder.tcp("127.0.0.1:0", handler)?.spawn()?;
    let socket = connect(server.local_addr())?;
    assert!(encrypted(socket, "example.org", &papers.authority).is_err());
    while server.stats().accepted < 1 {
        thread::yield_now();
    }
    ended(&server);
    let stats = server.stats();
    assert_eq!((stats.finished, stats.failed, stats.disconnected), (0, 0, 1), "{stats}");
    assert!(meetings.try_recv().is_err(), "the handler ran, or there was a report");
    Ok(())
}

#[test]
fn a_client_that_checks_nothing_talks_to_anybody() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let (papers, own) = (Papers::new()?, Papers::new()?);
    let server = upper(&papers)?;
    let (address, authority) = (server.local_addr(), papers.authority);
    // Somebody on the way is a server for the client and a client for the server.
    let between = move |request: &mut TcpRequest| -> io::Result<()> {
        let mut data = [0; 1024];
        let count = request.read(&mut data)?;
        let changed = String::from_utf8_lossy(&data[..count]).replace("Bob", "Eve");
        let answer = answered(&mut secret(address, &authority)?, changed.as_bytes())?;
        request.write_all(&answer)
    };
    let builder = ThreadedServer::builder().tls(own.certificate()?);
    let between = builder.tcp("127.0.0.1:0", between)?.spawn()?;
    let script = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
if sys.argv[3] == 'nothing':
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
with socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=5) as stream:
    try:
        with context.wrap_socket(stream, server_hostname='localhost') as secret:
            secret.sendall(b'pay Bob')
            print(secret.recv(100).decode())
    except ssl.SSLCertVerificationError as error:
        print(error.verify_message)
";
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let trusted = folder.join("between.pem");
    fs::write(&trusted, Papers::new()?.authority)?;
    let port = between.local_addr().port().to_string();
    for (checks, expected) in [("nothing", "PAY EVE"), ("everything", "certificate")] {
        let mut command = Command::new(python);
        command.args(["-c", script, &port]).arg(&trusted).arg(checks);
        let (said, _) = printed(&mut command)?;
        assert!(said.contains(expected), "checks {checks}: {said}");
    }
    Ok(())
}

// ---- Clients ----------------------------------------------------------------------------

#[test]
fn each_refusal_has_two_sentences() -> Outcome {
    let (_server, addr, _) = server()?;
    let (_other, other, _) = server()?;
    let mut plain = Command::new(example("11_threaded_server"));
    let (_plain, plain) =
        Program::server(plain.args(["serve", "--addr", "127.0.0.1:0"]))?;
    let (addr, plain) = (addr.to_string(), plain.to_string());
    let (good, wrong) =
        (file(addr.parse()?, "authority.pem"), file(other, "authority.pem"));
    let own = file(addr.parse()?, "certificate.pem");
    let cases = [
        (vec!["--name", "example.org"], "isn't for example.org"),
        (vec!["--name", "127.0.0.2"], "isn't for 127.0.0.2"),
        (vec!["--name", "two words"], "can't be the name"),
        (vec!["--name", ""], "can't be the name"),
        (vec!["--ca", &wrong], "no authority that you trust"),
        (vec!["--ca", &own], "no authority that you trust"),
        (vec!["--ca", "/dev/null"], "no certificate is in it"),
        (vec!["--ca", "no such file"], "`no such file` can't be used"),
        (vec!["--ca", "."], "`.` can't be used"),
    ];
    for (args, words) in &cases {
        let (said, status) = client(&[&["--addr", &addr], &args[..]].concat())?;
        assert!(said.contains(words), "{args:?}: {said}");
        assert_eq!((said.lines().count(), status), (2, Some(2)), "{args:?}: {said}");
    }
    let (said, status) = client(&["--addr", &plain, "--ca", &good])?;
    assert!(said.contains("doesn't speak TLS as it should"), "{said}");
    assert_eq!((said.lines().count(), status), (2, Some(2)), "{said}");
    // In a place where no file can be created.
    let mut homeless = Command::new(example(LESSON));
    homeless.args(["serve", "--addr", "127.0.0.1:0"]).current_dir("/proc");
    if cfg!(target_os = "linux") {
        let (said, status) = printed(&mut homeless)?;
        assert!(said.contains("can't be written"), "{said}");
        assert_eq!((said.lines().count(), status), (2, Some(2)), "{said}");
    }
    for name in ["localhost", "127.0.0.1", "::1"] {
        let (said, status) = client(&["--addr", &addr, "--name", name, "hi"])?;
        assert_eq!((said.trim(), status), ("sends    hi\nreceived HI", Some(0)));
    }
    Ok(())
}

#[test]
fn python_and_rust_talk_to_each_other() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let (mut rust, addr, _) = server()?;
    let mut command = Command::new(python);
    let folder = root().join(papers::folder(&addr.to_string()));
    command.args(["lessons/python/20_tls.py", "serve", "--addr", "127.0.0.1:0"]);
    let (mut other, other_addr) = Program::server(command.arg("--files").arg(&folder))?;
    let ca = file(addr, "authority.pem");
    for (server, addr) in [(&mut rust, addr), (&mut other, other_addr)] {
        let addr = addr.to_string();
        let args = ["--addr", &addr, "--ca", &ca, "h\u{e9}llo"];
        let (said, status) = client(&args)?;
        let expected = ("sends    h\u{e9}llo\nreceived H\u{e9}LLO", Some(0));
        assert_eq!((said.trim(), status), expected);
        let (said, status) = python_client(python, &args)?;
        assert_eq!((said.trim(), status), ("received b'H\\xc3\\xa9LLO\\n'", Some(0)));
        let name = [&args[..], &["--name", "example.org"]].concat();
        let (said, status) = python_client(python, &name)?;
        assert!(said.contains("refused: Hostname mismatch"), "{said}");
        assert_eq!(status, Some(1));
        assert_eq!(client(&name)?.1, Some(2));
        // The handler of both has had the same bytes twice.
        let end = Instant::now() + DEADLINE;
        while !server.line(end)?.ok_or("it has ended")?.ends_with("14 from all clients")
        {
        }
    }
    Ok(())
}

#[test]
fn both_clients_say_goodbye() -> Outcome {
    let papers = Papers::new()?;
    let server = upper(&papers)?;
    let ca = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("goodbye.pem");
    fs::write(&ca, &papers.authority)?;
    let (addr, ca) = (server.local_addr().to_string(), ca.to_string_lossy());
    let args = ["--addr", &addr, "--ca", &ca];
    let mut count = 0;
    for python in [None, python()] {
        let (said, status) = match python {
            None => client(&args)?,
            Some(python) => python_client(python, &args)?,
        };
        assert_eq!(status, Some(0), "{said}");
        ended(&server);
        count += 1;
        let stats = server.stats();
        assert_eq!((stats.finished, stats.disconnected), (count, 0), "{stats}");
    }
    Ok(())
}

#[test]
fn one_silent_client_stops_an_encrypted_listener_and_no_other() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let (_rust, addr, trusted) = server()?;
    let folder = root().join(papers::folder(&addr.to_string()));
    let started = |naive: &[&str]| {
        let mut command = Command::new(python);
        command.args(["lessons/python/20_tls.py", "serve", "--addr", "127.0.0.1:0"]);
        Program::server(command.args(naive).arg("--files").arg(&folder))
    };
    let (_right, right) = started(&[])?;
    let (_naive, naive) = started(&["--naive"])?;
    for addr in [addr, right] {
        let _silent = connect(addr)?;
        assert_eq!(answered(&mut secret(addr, &trusted)?, b"hello")?, b"HELLO");
    }
    let silent = connect(naive)?;
    let socket = connect(naive)?;
    let ear = socket.try_clone()?;
    thread::scope(|scope| -> Outcome {
        let trusted = &trusted;
        let next =
            scope.spawn(move || encrypted(socket, "localhost", trusted).map(drop));
        let heard = || -> io::Result<usize> {
            ear.set_nonblocking(false)?;
            ear.peek(&mut [0])
        };
        ear.set_read_timeout(Some(Duration::from_millis(500)))?;
        let waits = heard().expect_err("an answer beside a silent client");
        assert!(matches!(waits.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        ear.set_read_timeout(Some(DEADLINE))?;
        drop(silent); // and the next one is answered
        next.join().map_err(|_| "the client panicked")??;
        Ok(())
    })
}

#[test]
fn curl_and_openssl_trust_the_authority() -> Outcome {
    let (_server, addr, _) = server()?;
    let (_other, other, _) = server()?;
    let (ca, wrong) = (file(addr, "authority.pem"), file(other, "authority.pem"));
    let is_there = |program: &str, version: &str| {
        let there = Command::new(program).arg(version).output().is_ok();
        if !there {
            announce(&format!("SKIPPED: no {program} here for lesson 20"));
        }
        there
    };
    if is_there("curl", "--version") {
        let curl = |ca: &str, url: String| {
            let mut command = Command::new("curl");
            command.args(["--silent", "--show-error", "--cacert", ca, "--noproxy", "*"]);
            printed(command.args(["--http0.9", "--max-time", "1", &url]))
        };
        let port = addr.port();
        let (said, status) = curl(&ca, format!("https://localhost:{port}/hello"))?;
        assert!(said.contains("GET /HELLO HTTP/1.1"), "{said}");
        assert_eq!(status, Some(28), "`Upper` doesn't end the connection: {said}");
        let (said, status) = curl(&wrong, format!("https://localhost:{port}/hello"))?;
        assert!(!said.contains("HELLO"), "{said}");
        assert_eq!(status, Some(60), "{said}");
    }
    if is_there("openssl", "version") {
        // What it prints until there is a reply, or until it ends.
        let ask = |ca: &str, name: &str| -> Result<String, String> {
            let mut command = Command::new("openssl");
            command.args(["s_client", "-verify_return_error", "-CAfile", ca, "-quiet"]);
            command.args(["-verify_hostname", name, "-connect", &addr.to_string()]);
            let mut program = Program::start(&mut command)?;
            let _ = program.type_line("hello"); // it may have ended before
            let mut said = String::new();
            while let Some(line) = program.line(Instant::now() + DEADLINE)? {
                said += &line;
                if line == "HELLO" {
                    break; // it would wait for more, also at the end of its input
                }
            }
            Ok(said)
        };
        let said = ask(&ca, "localhost")?;
        assert!(said.ends_with("HELLO"), "{said}");
        for (ca, name) in [(&wrong, "localhost"), (&ca, "example.org")] {
            let said = ask(ca, name)?;
            assert!(said.contains("certificate verify failed"), "{name}: {said}");
        }
    }
    Ok(())
}

#[test]
fn a_writer_on_another_thread_is_encrypted_too() -> Outcome {
    let papers = Papers::new()?;
    let builder = ThreadedServer::builder().tls(papers.certificate()?);
    let handler = |request: &mut TcpRequest| -> io::Result<()> {
        let mut writer = request.writer();
        thread::spawn(move || while writeln!(writer, "tick").is_ok() {});
        let mut data = [0; 64];
        let count = request.read(&mut data)?; // while the other thread writes
        request.write_all(&data[..count].to_ascii_uppercase())
    };
    let server = builder.tcp("127.0.0.1:0", handler)?.spawn()?;
    let mut stream = secret(server.local_addr(), &papers.authority)?;
    let mut ticks = [0; 50_000];
    stream.read_exact(&mut ticks)?; // nobody has asked for them
    assert!(ticks.starts_with(b"tick\ntick\n"));
    stream.write_all(b"now")?;
    stream.flush()?;
    let mut rest = Vec::new();
    io::copy(&mut stream, &mut rest)?; // the handler ends, and says goodbye
    let rest = String::from_utf8(rest)?;
    assert_eq!(rest.matches("NOW").count(), 1);
    assert!(rest.lines().all(|line| ["tick", "NOWtick", "NOW"].contains(&line)));
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_encrypted_server() -> Outcome {
    let (mut server, addr, trusted) = server()?;
    let _silent = connect(addr)?; // never a byte, and it stays
    let mut half = connect(addr)?; // the head of a handshake, and no more
    half.write_all(&[22, 3, 1, 0, 200, 1, 0])?;

    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 10_000_000], b"\x16\x03\x01"] {
        let mut plain = connect(addr)?;
        let _ = plain.write_all(bytes); // the server breaks off in the middle
        let _ = plain.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer[0] == 21, "an alert at most: {answer:?}");
    }
    let reset = connect(addr)?;
    SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset);
    let gone = secret(addr, &trusted)?; // right after the handshake, without a goodbye
    SockRef::from(&gone.sock).set_linger(Some(Duration::ZERO))?;
    drop(gone);

    // A handshake that arrives byte by byte.
    let papers = Papers::new()?;
    let own = upper(&papers)?;
    let mut slow = secret(byte_by_byte(own.local_addr())?, &papers.authority)?;
    assert_eq!(answered(&mut slow, b"drop by drop")?, b"DROP BY DROP");

    let mut many = secret(addr, &trusted)?;
    for byte in "one byte at a time, h\u{e9}\u{0}".bytes() {
        assert_eq!(answered(&mut many, &[byte])?, [byte.to_ascii_uppercase()]);
    }
    for _ in 0..200 {
        assert_eq!(answered(&mut many, &[b'x'; 50_000])?, [b'X'; 50_000]); // ten megabytes
    }
    goodbye(many)?;
    assert!(!server.has_ended());
    let lines = server.lines_now();
    assert!(!lines.iter().any(|line| line.contains("panicked")), "{lines:?}");
    Ok(())
}

/// A relay that passes on each byte by itself.
fn byte_by_byte(server: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let here = listener.local_addr()?;
    thread::spawn(move || -> io::Result<()> {
        let (mut client, _) = listener.accept()?;
        let mut server = connect(server)?;
        server.set_nodelay(true)?;
        let (mut from, mut back) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || io::copy(&mut from, &mut back));
        let mut byte = [0];
        while client.read(&mut byte)? == 1 {
            server.write_all(&byte)?;
        }
        Ok(())
    });
    Ok(here)
}

#[test]
fn at_ctrl_c_clients_get_a_goodbye() -> Outcome {
    let (mut server, addr, trusted) = server()?;
    let mut stream = secret(addr, &trusted)?;
    assert_eq!(answered(&mut stream, b"hello")?, b"HELLO");
    let _silent = connect(addr)?; // in its handshake
    server.interrupt()?;
    assert_eq!(stream.read(&mut [0; 64])?, 0, "a clean end, because of close_notify");
    server.interrupt()?; // and the silent one is cut off
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

#[test]
fn the_client_never_waits_forever() -> Outcome {
    let (_server, addr, _) = server()?;
    let ca = file(addr, "authority.pem");
    let silent = TcpListener::bind("127.0.0.1:0")?; // connects, and never answers
    let begin = Instant::now();
    let (said, status) =
        client(&["--addr", &silent.local_addr()?.to_string(), "--ca", &ca])?;
    assert!(said.contains("did not answer in time"), "{said}");
    assert_eq!(status, Some(2));
    assert!(begin.elapsed() < DEADLINE);
    Ok(())
}
