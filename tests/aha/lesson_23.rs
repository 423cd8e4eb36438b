//! Lesson 23: a key-value server in a package of its own.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::*;
use crate::course::files::{read, root};
use crate::course::programs::{python, run};

/// The example's server, and its Python version.
fn servers() -> Result<Vec<(Program, SocketAddr)>, String> {
    let mut servers = vec![server("23_your_own")?];
    if let Some(python) = python() {
        let mut command = Command::new(python);
        command.args([
            "lessons/python/23_your_own.py",
            "serve",
            "--addr",
            "127.0.0.1:0",
        ]);
        servers.push(Program::server(&mut command)?);
    }
    Ok(servers)
}

/// Sends these bytes, closes its half, and reads all that comes.
fn answers(addr: SocketAddr, bytes: &[u8]) -> io::Result<String> {
    let mut client = connect(addr)?;
    client.write_all(bytes)?;
    client.shutdown(Shutdown::Write)?;
    let mut answers = String::new();
    client.read_to_string(&mut answers)?;
    Ok(answers)
}

const USAGE: &str = "ERROR write SET KEY VALUE, GET KEY, DEL KEY, COUNT or QUIT\n";

#[test]
fn every_odd_line_is_answered() -> Outcome {
    let longest = [b"SET k ".to_vec(), b"v".repeat(1018)].concat();
    for (_server, addr) in servers()? {
        for (sent, answered) in [
            (&b"SET a b c\nGET a\n"[..], "OK\nOK b c\n"),
            (
                b"SET a 1\r\nGET a\r\nDEL a\r\nDEL a\r\nGET a\r\n",
                "OK\nOK 1\nOK\nNONE\nNONE\n",
            ),
            (b"SET a \nGET a\nDEL a\n", "OK\nOK \nOK\n"),
            (b"SET a  b \nGET a\nDEL a\n", "OK\nOK  b \nOK\n"),
            (b"COUNT\nSET k k\nSET k k\nCOUNT\n", "OK 0\nOK\nOK\nOK 1\n"),
            (b"\nSET\nSET a\nSET  b\nget a\nGET\nGET a b\nCOUNT 1\n", &USAGE.repeat(8)),
            (
                b"SET k \xc3\xa9\nSET k \xe9\nGET k\n",
                "OK\nERROR the line is not UTF-8\nOK é\n",
            ),
            (&[&longest[..], b"\r\nCOUNT\n"].concat(), "OK\nOK 1\n"),
            (
                &[&longest[..], b"v\nCOUNT\n"].concat(),
                "ERROR the line is over 1024 bytes long\nOK 1\n",
            ),
            (
                &[b"v".repeat(1_000_000), b"\nDEL k\n".to_vec()].concat(),
                "ERROR the line is over 1024 bytes long\nOK\n",
            ),
            (b"QUIT\nSET k 1\n", "BYE\n"),
            (b"GET k", "ERROR the line has no end\n"),
            (b"", ""),
        ] {
            let begin = String::from_utf8_lossy(&sent[..sent.len().min(60)]);
            assert_eq!(answers(addr, sent)?, answered, "{begin}");
        }
    }
    Ok(())
}

#[test]
fn a_command_can_come_byte_by_byte() -> Outcome {
    for (_server, addr) in servers()? {
        let mut client = connect(addr)?;
        client.set_nodelay(true)?;
        for byte in b"SET a \xc3\xa9\r\nGET a\r\n" {
            client.write_all(&[*byte])?;
        }
        client.shutdown(Shutdown::Write)?;
        let mut answers = String::new();
        client.read_to_string(&mut answers)?;
        assert_eq!(answers, "OK\nOK é\n");
    }
    Ok(())
}

#[test]
fn half_a_command_is_never_done() -> Outcome {
    for (_server, addr) in servers()? {
        assert_eq!(answers(addr, b"SET price 1299\n")?, "OK\n");
        let half = b"SET price 12";

        let mut open = connect(addr)?; // its other half might still come
        open.write_all(half)?;
        assert_eq!(answers(addr, half)?, "ERROR the line has no end\n");

        let mut reset = connect(addr)?;
        reset.write_all(half)?;
        socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
        drop(reset); // closed with a reset

        assert_eq!(answers(addr, b"GET price\n")?, "OK 1299\n");
    }

    // When the server stops, too.
    let (mut program, addr) = server("23_your_own")?;
    let mut client = connect(addr)?;
    assert_eq!(echoed_line(&mut client, b"SET price 1299\n")?, "OK\n");
    client.write_all(b"COUNT\nSET price 12")?;
    program.interrupt()?;
    let mut rest = String::new();
    client.read_to_string(&mut rest)?;
    assert!(["", "OK 1\n"].contains(&rest.as_str()), "{rest}");
    assert!(program.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

/// Sends a line and reads the reply, byte by byte.
fn echoed_line(client: &mut TcpStream, line: &[u8]) -> io::Result<String> {
    client.write_all(line)?;
    let mut answer = Vec::new();
    while answer.last() != Some(&b'\n') {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn a_full_store_rejects_a_new_key() -> Outcome {
    for (_server, addr) in servers()? {
        let sets: String = (0..10_000).map(|n| format!("SET key{n} 1\n")).collect();
        assert_eq!(answers(addr, sets.as_bytes())?, "OK\n".repeat(10_000));
        let sent = b"SET new 1\nSET key5 2\nGET key5\nDEL key6\nSET new 1\nCOUNT\n";
        let answered = "ERROR the store is full\nOK\nOK 2\nOK\nOK\nOK 10000\n";
        assert_eq!(answers(addr, sent)?, answered);
    }
    Ok(())
}

#[test]
fn one_address_gets_fifty_places() -> Outcome {
    let (_server, addr) = server("23_your_own")?;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = connect(addr)?;
        assert_eq!(echoed_line(&mut client, b"COUNT\n")?, "OK 0\n");
        clients.push(client);
    }
    let mut refused = connect(addr)?;
    let _ = refused.write_all(b"COUNT\n");
    let came = refused.read(&mut [0; 10]).or_else(|error| match error.kind() {
        ErrorKind::ConnectionReset => Ok(0),
        _ => Err(error),
    });
    assert_eq!(came?, 0, "an answer");
    for client in &mut clients {
        assert_eq!(echoed_line(client, b"COUNT\n")?, "OK 0\n");
    }
    Ok(())
}

#[test]
fn the_log_has_levels() -> Outcome {
    for (level, shown) in [
        (
            "info",
            vec!["INFO  client 1 is", "INFO  client 1: Finished", "INFO  1 accepted"],
        ),
        ("warn", vec![]),
        ("debug", vec!["DEBUG Started", "INFO  client 1: Finished", "DEBUG Draining"]),
        ("nonsense", vec!["INFO  client 1 is"]),
    ] {
        let mut command = Command::new(example("23_your_own"));
        command.args(["serve", "--addr", "127.0.0.1:0"]).env("LOG", level);
        let (mut server, addr) = Program::server(&mut command)?;
        assert_eq!(answers(addr, b"QUIT\n")?, "BYE\n");
        server.interrupt()?;
        let end = Instant::now() + DEADLINE;
        assert!(server.status(end)?.success());
        let printed = server.rest(end)?;
        for wanted in &shown {
            assert!(printed.iter().any(|line| line.starts_with(wanted)), "{printed:?}");
        }
        let has_debug = printed.iter().any(|line| line.starts_with("DEBUG"));
        assert_eq!(has_debug, level == "debug", "{printed:?}");
        assert_eq!(printed.is_empty(), shown.is_empty(), "{printed:?}");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn what_it_is_given_never_makes_it_panic() -> Outcome {
    use std::os::unix::ffi::OsStrExt;
    let program = || Command::new(example("23_your_own"));
    let full = fs::OpenOptions::new().write(true).open("/dev/full")?;
    let status = program().stdout(full).stderr(std::process::Stdio::null()).status()?;
    assert_eq!(status.code(), Some(2), "a full disk");
    for words in [&b"caf\xe9"[..], b"", b"serve --addr", b"serve --addr x", b"--help me"]
    {
        let words = words.split(|byte| *byte == b' ').map(std::ffi::OsStr::from_bytes);
        let (output, _) = run(program().args(words), Instant::now() + DEADLINE)?;
        let printed = String::from_utf8(output.stdout)?;
        assert_eq!(output.status.code(), Some(2), "{printed}");
        assert!(printed.starts_with("23_your_own: "), "{printed}");
    }
    Ok(())
}

/// A folder outside the course, removed at the end.
struct Folder(PathBuf);

impl Folder {
    /// An empty folder, so that two copies of the course can be tested at the same time.
    fn new(name: &str) -> io::Result<Self> {
        let course = root().display().to_string().replace(['/', '\\', ':'], "-");
        let folder = Self(env::temp_dir().join(format!("{name}{course}")));
        if folder.0.exists() {
            fs::remove_dir_all(&folder.0)?;
        }
        fs::create_dir_all(&folder.0)?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs Cargo in a folder. Returns whether it succeeded, and what it printed.
fn cargo(folder: &Path, words: &[&str]) -> Result<(bool, String), String> {
    let mut command =
        Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(folder).env("CARGO_NET_OFFLINE", "true");
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("own"));
    // On a busy machine, the first build of the library's crates takes long.
    let (output, _) = run(&mut command, Instant::now() + Duration::from_secs(600))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.success(), printed))
}

#[cfg(unix)] // it reaches the course by a link
#[test]
fn a_package_of_your_own() -> Outcome {
    let folder = Folder::new("beside")?;
    std::os::unix::fs::symlink(root(), folder.0.join("socketserver"))?;
    let note = read(&root().join("lessons/23_your_own.md"))?;

    // The note's own commands, up to the first one that isn't run.
    let mut here = folder.0.clone();
    let block =
        note.split("```console\n").find(|block| block.starts_with("$ cargo new"));
    let block =
        block.and_then(|block| block.split("```").next()).ok_or("no commands")?;
    for line in block.lines() {
        let words: Vec<&str> = line.trim_start_matches("$ ").split(' ').collect();
        match words[..] {
            ["cd", dir] => here.push(dir),
            ["cargo", ref words @ ..] => {
                let (is_well, printed) = cargo(&here, words)?;
                assert!(is_well, "{line}\n{printed}");
            }
            _ => return Err(format!("the test can't run `{line}`").into()),
        }
    }
    let manifest = read(&here.join("Cargo.toml"))?;
    assert!(manifest.contains("path = \"../socketserver\""), "{manifest}");

    // The same crates as here, so that Cargo has nothing to fetch.
    fs::copy(root().join("Cargo.lock"), here.join("Cargo.lock"))?;
    let program = read(&root().join("examples/23_your_own.rs"))?;
    fs::write(here.join("src/main.rs"), &program)?;
    let (is_well, printed) = cargo(&here, &["test"])?;
    assert!(is_well && printed.contains("4 passed"), "{printed}");
    assert!(!printed.contains("warning"), "{printed}");

    let (is_well, printed) = cargo(&here, &["build"])?;
    assert!(is_well, "{printed}");
    let kv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own/debug/kv");
    let mut command = Command::new(kv);
    let (mut server, addr) =
        Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))?;
    assert_eq!(answers(addr, b"SET a 1\nGET a\n")?, "OK\nOK 1\n");
    server.interrupt()?;
    assert!(server.status(Instant::now() + DEADLINE)?.success());

    // What the note breaks on purpose, and the test that notices it.
    let begin = program.find("let Some(command)").ok_or("no line to break")?;
    let end = begin + program[begin..].find("};\n").ok_or("no end of it")? + 3;
    let instead = "let command = line.trim_end_matches('\\n');";
    assert!(note.contains(instead), "the note breaks something else");
    let broken = format!("{}{instead}\n{}", &program[..begin], &program[end..]);
    fs::write(here.join("src/main.rs"), broken)?;
    let (is_well, printed) = cargo(&here, &["test"])?;
    assert!(!is_well, "{printed}");
    let failure = ["half_a_command_is_not_done ... FAILED", "left: \"OK 12\\n\""];
    for line in failure {
        assert!(printed.contains(line) && note.contains(line), "{line}\n{printed}");
    }
    Ok(())
}

#[test]
fn a_package_inside_the_course_joins_its_workspace() -> Outcome {
    let folder = Folder::new("inside")?;
    fs::create_dir_all(folder.0.join("src"))?;
    fs::write(folder.0.join("src/lib.rs"), "")?;
    let manifest = read(&root().join("Cargo.toml"))?;
    let (package, _) = manifest.split_once("[dependencies]").ok_or("no dependencies")?;
    let workspace =
        "[workspace]\nmembers = []\n[workspace.lints.rust]\nmissing_docs = \"warn\"\n";
    let package = package.replace("readme = \"README.md\"", "");
    fs::write(folder.0.join("Cargo.toml"), format!("{package}{workspace}"))?;
    let (is_well, printed) = cargo(&folder.0, &["new", "kv", "--vcs", "none"])?;
    assert!(is_well, "{printed}");
    assert!(read(&folder.0.join("Cargo.toml"))?.contains("members = [\"kv\"]"));
    assert!(read(&folder.0.join("kv/Cargo.toml"))?.contains("workspace = true"));
    Ok(())
}
