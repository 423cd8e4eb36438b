//! Programs under test: start them, read what they print, type into them, stop them.
//! Every wait has a limit, and no program outlives its test.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::files::root;

/// How long anything can take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The built program of an example. Builds the examples if they are older than the code,
/// as they are after `cargo test --test lessons`.
pub(crate) fn example(name: &str) -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let mut dir = std::env::current_exe().unwrap_or_default();
        dir.pop(); // this test's name
        dir.pop(); // deps
        let dir = dir.join("examples");
        if is_stale(&dir) {
            build(&dir);
        }
        dir
    });
    dir.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Whether a program in `dir` is missing or older than a source.
fn is_stale(dir: &Path) -> bool {
    // What only one lesson needs is in a directory in `examples`.
    let files = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    let newest = [root().join("src"), root().join("examples")]
        .iter()
        .flat_map(|sources| files(sources))
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with("my_")) // a learner's
        .flat_map(|entry| files(&entry.path()).chain([entry]))
        .filter_map(|entry| entry.metadata().ok()?.modified().ok())
        .max()
        .unwrap_or(SystemTime::now());
    super::files::buildable(&root()).iter().any(|name| {
        let program = dir.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let built = program.metadata().and_then(|data| data.modified());
        built.map_or(true, |built| built < newest)
    })
}

/// Builds the examples into `dir`'s target directory.
fn build(dir: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = dir.parent().unwrap_or(dir);
    let target = profile.parent().unwrap_or(profile);
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--examples", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    if cfg!(feature = "tls") {
        command.args(["--features", "tls"]);
    }
    let status = command.current_dir(root()).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo build --examples failed"
    );
}

/// Python 3, if this machine has it. Otherwise, says so once.
pub(crate) fn python() -> Option<&'static str> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        // The program itself: `python3` might be a script that looks for it.
        let ask = "import sys; assert sys.version_info >= (3, 8); print(sys.executable)";
        let found = ["python3", "python"].into_iter().find_map(|name| {
            let answer = Command::new(name).args(["-c", ask]).output().ok()?;
            let path = String::from_utf8(answer.stdout).ok()?.trim().to_owned();
            (answer.status.success() && !path.is_empty()).then_some(path)
        });
        if found.is_none() {
            announce("SKIPPED: no python3 here, so nothing was tested against Python");
        }
        found
    });
    found.as_deref()
}

/// Python 3 for the Python version of this lesson: `None` where a package that it needs
/// isn't installed.
pub(crate) fn python_for(lesson: &str) -> Option<&'static str> {
    match package(lesson) {
        Some(package) => python_with(&package),
        None => python(),
    }
}

/// Python 3, if it has this package. Says so, once for each package, if it hasn't.
pub(crate) fn python_with(package: &str) -> Option<&'static str> {
    static FOUND: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let python = python()?;
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let is_there = *found.entry(package.to_owned()).or_insert_with(|| {
        let import = ["-c".to_owned(), format!("import {package}")];
        let answer = Command::new(python).args(import).output();
        let is_there = answer.is_ok_and(|answer| answer.status.success());
        if !is_there {
            announce(&format!(
                "SKIPPED: Python has no {package} here, so nothing was tested with it. \
                 This installs it: python3 -m pip install {package}"
            ));
        }
        is_there
    });
    is_there.then_some(python)
}

/// The package that the Python version of this lesson needs. Where it's missing, the program
/// says in a sentence how to install it, and that sentence names it.
pub(crate) fn package(lesson: &str) -> Option<String> {
    let file = root().join(format!("lessons/python/{lesson}.py"));
    let text = super::files::read(&file).ok()?;
    let (_, rest) = text.split_once("python3 -m pip install ")?;
    let is_part = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    Some(rest.chars().take_while(is_part).collect())
}

/// Whether a program is installed here. Says so if it is not.
pub(crate) fn is_there(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        announce(&format!(
            "SKIPPED: no {program} here, so what needs it was not tested"
        ));
    }
    is_there
}

/// Writes a line around the test harness, which hides what a passing test prints.
pub(crate) fn announce(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// What a program printed and the test hasn't read yet.
#[derive(Default)]
struct Printed {
    /// Its output and its errors, in the order in which it wrote them.
    text: Vec<u8>,
    /// How many streams are still open.
    open: usize,
}

/// A running program.
pub(crate) struct Program {
    /// The process.
    child: Child,
    /// Where to type.
    input: Option<ChildStdin>,
    /// Filled while it prints.
    printed: Arc<(Mutex<Printed>, Condvar)>,
}

impl Program {
    /// Starts a program, and keeps all three of its streams.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        if command.get_current_dir().is_none() {
            command.current_dir(root());
        }
        let piped =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        piped.env_remove("RUST_BACKTRACE").env("PYTHONUNBUFFERED", "1");
        let (mut child, streams) = spawn(piped)
            .map_err(|error| format!("{command:?} does not start: {error}"))?;
        let printed = Printed { text: Vec::new(), open: streams.len() };
        let printed = Arc::new((Mutex::new(printed), Condvar::new()));
        for stream in streams {
            follow(stream, Arc::clone(&printed));
        }
        let input = child.stdin.take();
        Ok(Self { child, input, printed })
    }

    /// Starts an example's program.
    pub(crate) fn example(name: &str, args: &[&str]) -> Result<Self, String> {
        Self::start(Command::new(example(name)).args(args))
    }

    /// Starts a server on a free port and waits until it listens. Also returns its
    /// address.
    pub(crate) fn server(command: &mut Command) -> Result<(Self, SocketAddr), String> {
        let mut server = Self::start(command)?;
        let line = server.line(Instant::now() + DEADLINE)?.unwrap_or_default();
        match listening(&line) {
            Some(addr) => Ok((server, addr)),
            None => {
                // The reason might be below: Python's last line has it.
                let soon = Instant::now() + Duration::from_secs(1);
                let rest = server.rest(soon).unwrap_or_default().join("\n");
                Err(format!(
                    "{command:?} printed `{line}`. A server's first line is `listening on \
                     ADDRESS`, printed at once.\n{rest}"
                ))
            }
        }
    }

    /// The next whole line (or the rest, at the end); `None` if there aren't any more.
    pub(crate) fn line(&mut self, end: Instant) -> Result<Option<String>, String> {
        self.wait_for("a line", end, |printed| {
            let end = printed.text.iter().position(|byte| *byte == b'\n');
            if end.is_none() && printed.open > 0 {
                return None;
            }
            let end = end.map_or(printed.text.len(), |at| at + 1);
            let line: Vec<u8> = printed.text.drain(..end).collect();
            Some((!line.is_empty()).then(|| text_of(&line)))
        })
    }

    /// Waits until the unfinished line begins `line`, and takes it: a prompt.
    pub(crate) fn prompt(&mut self, line: &str, end: Instant) -> Result<String, String> {
        self.wait_for("a prompt", end, |printed| {
            let shown = text_of(&printed.text);
            // A prompt might arrive in pieces. It's whole when it ends with a space.
            let whole = shown.ends_with(' ') || !line.starts_with(&shown);
            (whole || printed.open == 0).then(|| {
                printed.text.clear();
                shown
            })
        })
    }

    /// Everything printed from now until the end.
    pub(crate) fn rest(&mut self, end: Instant) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line(end)? {
            lines.push(line);
        }
        Ok(lines)
    }

    /// The whole lines that have already arrived.
    pub(crate) fn lines_now(&mut self) -> Vec<String> {
        let mut printed = self.printed.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = std::mem::take(&mut printed.text);
        text_of(&text).lines().map(str::to_owned).collect()
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("its input is closed")?;
        let typed = writeln!(input, "{line}").and_then(|()| input.flush());
        typed.map_err(|error| format!("cannot type `{line}`: {error}"))
    }

    /// Ends the program's input, like Ctrl-D.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Presses Ctrl-C. (Where there are no signals, the program is killed.)
    #[cfg(not(unix))]
    pub(crate) fn interrupt(&mut self) -> Result<(), String> {
        self.child.kill().map_err(|error| format!("Ctrl-C cannot be sent: {error}"))
    }

    /// Presses Ctrl-C.
    #[cfg(unix)]
    pub(crate) fn interrupt(&mut self) -> Result<(), String> {
        // A shell starts programs in the background with SIGINT ignored, and a program
        // inherits that. Then we use SIGTERM, which ends a program as well.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask & 0b10 != 0);
        let signal = if ignored { "-TERM" } else { "-INT" };
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        match sent {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("Ctrl-C cannot be sent: {other:?}")),
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Waits until the program ends, and returns its exit status.
    pub(crate) fn status(&mut self, end: Instant) -> Result<ExitStatus, String> {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < end => {
                    thread::sleep(Duration::from_millis(5))
                }
                Ok(None) => return Err(too_long("its end")),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Waits until `look` finds something in what the program printed.
    fn wait_for<T>(
        &mut self,
        what: &str,
        end: Instant,
        mut look: impl FnMut(&mut Printed) -> Option<T>,
    ) -> Result<T, String> {
        let (printed, changed) = &*self.printed;
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = look(&mut printed) {
                return Ok(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(too_long(what));
            }
            let waited = changed.wait_timeout(printed, left);
            printed = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program until it ends by itself. Also returns its output.
pub(crate) fn run(
    command: &mut Command,
    end: Instant,
) -> Result<(Output, Duration), String> {
    let begin = Instant::now();
    let mut program = Program::start(command)?;
    program.close_input();
    let status = program.status(end)?;
    let took = begin.elapsed();
    let out = program.rest(end)?.join("\n").into_bytes();
    Ok((Output { status, stdout: out, stderr: Vec::new() }, took))
}

/// The lanes of a `--timeline` drawing in what a program printed: names, and bars with
/// one character for each moment.
pub(crate) fn lanes(printed: &[String]) -> Vec<(String, String)> {
    let is_axis =
        |line: &&String| line.trim_start().starts_with('├') && line.ends_with('┤');
    let Some(axis) = printed.iter().position(|line| is_axis(&line)) else {
        return vec![];
    };
    let indent = printed[axis].chars().take_while(|letter| *letter == ' ').count();
    let lanes = printed[axis + 1..].iter().take_while(|line| !line.trim().is_empty());
    let split = |line: &String| {
        let name: String = line.chars().take(indent).collect();
        (name.trim().to_owned(), line.chars().skip(indent).collect())
    };
    lanes.map(split).collect()
}

#[test]
fn lanes_are_read_from_a_drawing() {
    let drawing = ["hello", "", "     0  1 s", "     ├────┤", "  me  ░░█", "you    ██"];
    let lanes = lanes(&drawing.map(str::to_owned));
    assert_eq!(lanes[0], ("me".to_owned(), " ░░█".to_owned()));
    assert_eq!(lanes[1], ("you".to_owned(), "  ██".to_owned()));
}

/// The address in a server's first line.
pub(crate) fn listening(line: &str) -> Option<SocketAddr> {
    let word = line.strip_prefix("listening on ")?.split_whitespace().next()?;
    word.parse().ok()
}

/// Two sockets, for TCP and for UDP, that hold a port without listening. While they live,
/// the port refuses connections, and no other test can get it.
pub(crate) type Closed = (socket2::Socket, UdpSocket);

/// A port on which nothing listens.
pub(crate) fn closed_port() -> Result<(Closed, SocketAddr), String> {
    let hold = || -> std::io::Result<(Closed, SocketAddr)> {
        // Bound, but not listening; and bound, but receiving from only one other port.
        let tcp =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        tcp.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let addr = tcp.local_addr()?.as_socket().ok_or(std::io::ErrorKind::NotFound)?;
        let udp = UdpSocket::bind(addr)?;
        udp.connect((Ipv4Addr::LOCALHOST, 9))?;
        Ok(((tcp, udp), addr))
    };
    // Another program might have that port for UDP.
    (0..20).find_map(|_| hold().ok()).ok_or_else(|| "no port is free".to_owned())
}

/// A port that is taken, for TCP and for UDP, for as long as the sockets live.
pub(crate) fn taken_port() -> Result<(TcpListener, UdpSocket, SocketAddr), String> {
    for _ in 0..20 {
        let Ok(tcp) = TcpListener::bind("127.0.0.1:0") else { continue };
        let Ok(addr) = tcp.local_addr() else { continue };
        if let Ok(udp) = UdpSocket::bind(addr) {
            return Ok((tcp, udp, addr));
        }
    }
    Err("no port is free for TCP and UDP at once".to_owned())
}

/// A stream of what a program prints.
type Stream = Box<dyn Read + Send>;

/// Starts a program. Its output and errors go into one stream, so they stay in order.
#[cfg(unix)]
fn spawn(command: &mut Command) -> std::io::Result<(Child, Vec<Stream>)> {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    let (ours, theirs) = UnixStream::pair()?;
    command.stdout(OwnedFd::from(theirs.try_clone()?)).stderr(OwnedFd::from(theirs));
    let child = command.spawn();
    command.stdout(Stdio::null()).stderr(Stdio::null()); // closes our copies of their end
    Ok((child?, vec![Box::new(ours)]))
}

/// Starts a program. Its output and its errors can mix in any order.
#[cfg(not(unix))]
fn spawn(command: &mut Command) -> std::io::Result<(Child, Vec<Stream>)> {
    let mut child = command.spawn()?;
    let out = child.stdout.take().map(|stream| Box::new(stream) as Stream);
    let errors = child.stderr.take().map(|stream| Box::new(stream) as Stream);
    Ok((child, out.into_iter().chain(errors).collect()))
}

/// Carries what a program prints to where the test reads it.
fn follow(mut stream: Stream, printed: Arc<(Mutex<Printed>, Condvar)>) {
    thread::spawn(move || {
        let mut data = [0; 4096];
        loop {
            let count = stream.read(&mut data).unwrap_or(0);
            let mut all = printed.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.text.extend_from_slice(&data[..count]);
            if count == 0 {
                all.open -= 1;
            }
            drop(all);
            printed.1.notify_all();
            if count == 0 {
                return;
            }
        }
    });
}

/// Bytes as text, without the end of the line.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).to_owned()
}

/// The complaint about a wait that didn't end.
fn too_long(what: &str) -> String {
    format!(
        "it hangs: waited {} s for {what}. Bound every wait in the program (a timeout, a \
         fixed number of clients), or correct what the note expects.",
        DEADLINE.as_secs()
    )
}
