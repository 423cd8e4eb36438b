//! The page `lessons/errors.md`: these tests provoke each message, and check that the
//! page is complete.

use std::net::ToSocketAddrs;

use socket2::{Domain, Socket, Type};

use super::*;
use crate::course::files::{numbered, read, root};
use crate::course::nothing_to_complain;
use crate::course::programs::run;

/// The page.
const PAGE: &str = "lessons/errors.md";

/// The messages that it must explain.
const MESSAGES: [&str; 12] = [
    "Address already in use",
    "Connection refused",
    "Connection reset by peer",
    "Broken pipe",
    "Resource temporarily unavailable",
    "Permission denied",
    "Too many open files",
    "Interrupted system call",
    "Network is unreachable",
    "No space left on device",
    "connection timed out",
    "Name or service not known",
];

/// The parts of each section.
const PARTS: [&str; 4] =
    ["**What happened.** ", "**Provoke it.** ", "**What to do.** ", "**Lesson.** "];

/// Checks that an error has this kind and, on Linux, this text, which must be a heading
/// on the page.
fn is(error: &io::Error, kind: ErrorKind, message: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    if cfg!(target_os = "linux") {
        assert!(error.to_string().contains(message), "`{message}`, not: {error}");
    }
    let text = read(&root().join(PAGE)).unwrap_or_default();
    assert!(
        text.contains(&format!("\n## {message}\n")),
        "{PAGE} doesn't explain {message}"
    );
}

/// The error of a call that must fail.
fn error_of<T>(result: io::Result<T>) -> Result<io::Error, &'static str> {
    result.err().ok_or("it went well")
}

#[test]
fn address_already_in_use() -> Outcome {
    let first = TcpListener::bind("127.0.0.1:0")?;
    let error = error_of(TcpListener::bind(first.local_addr()?))?;
    is(&error, ErrorKind::AddrInUse, "Address already in use");
    Ok(())
}

#[test]
fn cannot_assign_requested_address() -> Outcome {
    let error = error_of(TcpListener::bind("192.0.2.1:0"))?;
    is(&error, ErrorKind::AddrNotAvailable, "Cannot assign requested address");
    Ok(())
}

#[cfg(target_os = "linux")] // elsewhere, 127.255.255.255 isn't a broadcast address
#[test]
fn permission_denied() -> Outcome {
    let socket = datagrams()?;
    let error = error_of(socket.send_to(b"to all", "127.255.255.255:9"))?;
    is(&error, ErrorKind::PermissionDenied, "Permission denied");
    socket.set_broadcast(true)?;
    socket.send_to(b"to all", "127.255.255.255:9")?;
    Ok(())
}

#[test]
fn connection_refused() -> Outcome {
    let (_closed, addr) = closed_port()?;
    let error = error_of(TcpStream::connect(addr))?;
    is(&error, ErrorKind::ConnectionRefused, "Connection refused");
    Ok(())
}

#[test]
fn name_or_service_not_known() -> Outcome {
    let error = error_of(("no..host", 80).to_socket_addrs())?;
    assert!(
        error.to_string().contains("failed to lookup address information"),
        "{error}"
    );
    is(&error, error.kind(), "Name or service not known");
    Ok(())
}

#[test]
fn connection_reset_by_peer() -> Outcome {
    let (mut client, server) = connected()?;
    client.write_all(b"never read")?;
    server.peek(&mut [0; 10])?; // it has arrived, and stays unread
    drop(server);
    let error = error_of(client.read(&mut [0; 10]))?;
    is(&error, ErrorKind::ConnectionReset, "Connection reset by peer");
    Ok(())
}

#[test]
fn broken_pipe() -> Outcome {
    let (mut client, server) = connected()?;
    drop(server);
    assert_eq!(client.read(&mut [0; 10])?, 0, "the other end has closed");
    client.write_all(b"the first one succeeds")?;
    let end = Instant::now() + DEADLINE;
    let error = loop {
        if let Err(error) = client.write_all(b"until the reset has come") {
            break error;
        }
        assert!(Instant::now() < end, "every write succeeds");
    };
    is(&error, ErrorKind::BrokenPipe, "Broken pipe");
    Ok(())
}

#[test]
fn failed_to_fill_whole_buffer() -> Outcome {
    let (mut client, mut server) = connected()?;
    server.write_all(b"Hello")?;
    drop(server);
    let error = error_of(client.read_exact(&mut [0; 10]))?;
    is(&error, ErrorKind::UnexpectedEof, "failed to fill whole buffer");
    Ok(())
}

#[test]
fn resource_temporarily_unavailable() -> Outcome {
    let (_silent, mut server) = connected()?;
    server.set_nonblocking(true)?;
    let error = error_of(server.read(&mut [0; 10]))?;
    is(&error, ErrorKind::WouldBlock, "Resource temporarily unavailable");
    if cfg!(unix) {
        server.set_nonblocking(false)?;
        server.set_read_timeout(Some(Duration::from_millis(20)))?;
        let error = error_of(server.read(&mut [0; 10]))?;
        is(&error, ErrorKind::WouldBlock, "Resource temporarily unavailable");
    }
    Ok(())
}

#[cfg(target_os = "linux")] // other systems treat a full queue differently
#[test]
fn connection_timed_out() -> Outcome {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    listener.listen(1)?;
    let addr = listener.local_addr()?.as_socket().ok_or("no address")?;
    let mut queued = Vec::new();
    let error = loop {
        match TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
            Ok(stream) => queued.push(stream),
            Err(error) => break error,
        }
        assert!(queued.len() < 10, "the queue has no end");
    };
    is(&error, ErrorKind::TimedOut, "connection timed out");
    Ok(())
}

#[cfg(target_os = "linux")] // the number of the error is Linux's, and `ulimit` a shell's
#[test]
fn too_many_open_files() -> Outcome {
    // The terminal takes three file descriptors. The server needs two, but gets only one.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 4; exec \"$@\"", "sh"]).arg(example("16_http_get"));
    let command = command.args(["serve", "--addr", "127.0.0.1:0"]);
    let (output, _) = run(command, Instant::now() + DEADLINE)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("Too many open files (os error 24)"), "{printed}");
    assert_eq!(output.status.code(), Some(1));
    let error = io::Error::from_raw_os_error(24);
    is(&error, error.kind(), "Too many open files");
    Ok(())
}

/// Everything that is wrong with the page. `has_test` says whether a test exists,
/// `has_lesson` whether a lesson does.
fn complaints(
    text: &str,
    has_test: impl Fn(&str) -> bool,
    has_lesson: impl Fn(&str) -> bool,
) -> Vec<String> {
    let sections: Vec<(&str, &str)> = text
        .split("\n## ")
        .skip(1)
        .filter_map(|section| section.split_once('\n'))
        .collect();
    let mut complaints = Vec::new();
    for message in MESSAGES {
        if !sections.iter().any(|(title, _)| *title == message) {
            complaints.push(format!("{PAGE} has no section `{message}`: write it."));
        }
    }
    let mut missing = Vec::new();
    for (title, body) in &sections {
        let row = format!("| [{title}][");
        if !text.contains(&row) {
            complaints
                .push(format!("{PAGE}: the table at the top has no row `{title}`."));
        }
        for part in PARTS {
            if body.matches(part).count() != 1 {
                complaints.push(format!("{PAGE}: `{title}` needs one part {part}"));
            }
        }
        let test = body
            .split_once("**Provoke it.** ")
            .and_then(|(_, rest)| rest.split("Test:").nth(1)?.split('`').nth(1));
        if !test.is_some_and(&has_test) {
            complaints.push(format!(
                "{PAGE}: `{title}` names no test that exists. Write one in \
                 tests/aha/errors.rs that makes it happen: {test:?}."
            ));
        }
        let lessons = body.split("[lesson_").skip(1).map(|rest| &rest[..2]);
        missing.extend(lessons.filter(|lesson| !has_lesson(lesson)));
    }
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        complaints.push(format!(
            "{PAGE} names lessons that are not here: {}. Merge them, or name others.",
            missing.join(", ")
        ));
    }
    complaints
}

/// Set in the child process that the test stops.
#[cfg(target_os = "linux")]
const STOPPED: &str = "ERRORS_STOPPED";

#[cfg(target_os = "linux")]
#[test]
fn interrupted_system_call() -> Outcome {
    if std::env::var_os(STOPPED).is_some() {
        let socket = datagrams()?;
        let error = error_of(socket.recv(&mut [0; 5]))?; // a single call, with a timeout
        return Err(format!("{:?}: {error}", error.kind()).into());
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["errors::interrupted_system_call", "--exact"]).env(STOPPED, "1");
    let mut child = Program::start(command.args(["--nocapture", "--test-threads=1"]))?;
    let end = Instant::now() + DEADLINE;
    while !child.has_ended() && Instant::now() < end {
        off_the_path::stop_and_continue(&child)?;
    }
    let printed = child.rest(end)?.join("\n");
    assert!(printed.contains("Interrupted: Interrupted system call"), "{printed}");
    let error = io::Error::from_raw_os_error(4);
    is(&error, ErrorKind::Interrupted, "Interrupted system call");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn network_is_unreachable() -> Outcome {
    let error = io::Error::from_raw_os_error(101);
    is(&error, ErrorKind::NetworkUnreachable, "Network is unreachable");
    // In its own namespace, a program has only networks that are off.
    let namespace = Command::new("unshare").args(["-rn", "true"]).output();
    if !namespace.is_ok_and(|output| output.status.success()) {
        return Ok(()); // this system doesn't allow one
    }
    for (lesson, role) in
        [("02_echo", "client"), ("03_udp", "client"), ("02_echo", ""), ("14_chat", "")]
    {
        let mut command = Command::new("unshare");
        command.arg("-rn").arg(example(lesson)).args((!role.is_empty()).then_some(role));
        let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains("its loopback network"), "{lesson} {role}: {printed}");
        assert_eq!(output.status.code(), Some(2), "{lesson} {role}: {printed}");
    }
    Ok(())
}

#[cfg(target_os = "linux")] // Linux has a device that is always full
#[test]
fn no_space_left_on_device() -> Outcome {
    let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
    let error = error_of(full.write_all(b"Hello"))?;
    is(&error, ErrorKind::StorageFull, "No space left on device");
    Ok(())
}

#[test]
fn each_message_is_explained_and_provoked() -> Result<(), String> {
    let tests = read(&root().join("tests/aha/errors.rs"))?;
    let notes = numbered(&root().join("lessons"), "md");
    nothing_to_complain(&complaints(
        &read(&root().join(PAGE))?,
        |test| tests.contains(&format!("#[test]\nfn {test}(")),
        |number| notes.iter().any(|note| note.starts_with(number)),
    ));
    Ok(())
}

#[test]
fn a_message_that_is_not_explained_is_noticed() -> Result<(), String> {
    let text = read(&root().join(PAGE))?;
    let told = |text: &str| complaints(text, |_| true, |_| true);
    assert_eq!(told(&text), [""; 0]);
    for (from, to, words) in [
        ("## Broken pipe", "## Broken wire", "no section `Broken pipe`"),
        ("| [Broken pipe][", "| [Broken wire][", "no row `Broken pipe`"),
        ("**What to do.** Stop writing", "Stop writing", "`Broken pipe` needs one part"),
    ] {
        let told = told(&text.replace(from, to));
        assert!(
            told.iter().any(|told| told.contains(words)),
            "no `{words}` in {told:?}"
        );
    }
    let told = complaints(&text, |test| test != "broken_pipe", |number| number != "03");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`Broken pipe` names no test"), "{told:?}");
    assert!(told[1].contains("not here: 03. Merge"), "{told:?}");
    Ok(())
}
