//! A program that might be a solution: building, starting and stopping it.

use std::env;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Exercise;
use crate::broken::Broken;
use crate::client::PATIENCE;
use crate::learner::{Language, features, my_file, my_name, root};

/// How long a program can take until it listens.
const START: Duration = Duration::from_secs(20);

/// How to run a solution.
#[derive(Debug)]
pub struct Program {
    /// What the learner calls it.
    name: String,
    /// The command that starts it. For an example, it's known after the build.
    run: Run,
    /// What the last server printed, if it ended by itself.
    last_words: Mutex<Option<String>>,
    /// Why it didn't even start to listen.
    not_started: Mutex<Option<String>>,
}

#[derive(Clone, Debug)]
enum Run {
    /// An example of this repository, and what Cargo needs to build it.
    Example(String, &'static [&'static str]),
    /// Any command.
    Command(Vec<String>),
}

/// A solution that serves. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    child: Child,
    output: Arc<Output>,
    errors: Arc<Output>,
    program: &'a Program,
}

/// A solution that ran to its end, or for as long as it was allowed to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its standard output, line by line.
    pub(crate) lines: Vec<String>,
    /// Its standard error.
    pub(crate) errors: Vec<String>,
    /// `None` if it was still running, and was stopped.
    pub(crate) status: Option<ExitStatus>,
}

/// What a program prints, read by a thread, so that the program never has to wait.
#[derive(Debug, Default)]
struct Output {
    lines: Mutex<(Vec<String>, bool)>, // and whether there are no more
    changed: Condvar,
}

impl Program {
    /// Any command. Our arguments come after its own.
    pub fn command(words: Vec<String>) -> Self {
        Self::new(words.join(" "), Run::Command(words))
    }

    /// An example of this repository.
    pub fn example(name: &str) -> Self {
        Self::new(format!("examples/{name}.rs"), Run::Example(name.to_owned(), &[]))
    }

    /// The learner's own solution.
    ///
    /// # Errors
    ///
    /// There isn't one yet. The error says how to begin.
    pub fn mine(exercise: &Exercise, language: Language) -> Result<Self, String> {
        let file = my_file(exercise, language);
        if !root().join(&file).exists() {
            let python = if language == Language::Python { " --python" } else { "" };
            return Err(format!(
                "{file} doesn't exist yet.\nThis creates it, as a copy of the lesson's program: \
                 cargo run -p check -- start {}{python}",
                exercise.id
            ));
        }
        Ok(match language {
            Language::Rust => {
                Self::new(file, Run::Example(my_name(exercise), features(exercise)))
            }
            Language::Python => {
                let path = root().join(&file).to_string_lossy().into_owned();
                Self::new(file, Run::Command(vec![python().to_owned(), path]))
            }
        })
    }

    fn new(name: String, run: Run) -> Self {
        Self { name, run, last_words: Mutex::default(), not_started: Mutex::default() }
    }

    /// Compiles it, if it needs that.
    ///
    /// # Errors
    ///
    /// It doesn't compile. The compiler has printed why.
    pub(crate) fn build(&self) -> Result<Self, String> {
        let Run::Example(example, features) = &self.run else {
            return Ok(Self::new(self.name.clone(), self.run.clone()));
        };
        let cargo = env::var("CARGO").unwrap_or("cargo".to_owned());
        let mut build = Command::new(cargo);
        build.current_dir(root()).args(["build", "--quiet", "--example", example]);
        build.args(*features);
        build.arg("--message-format=json-render-diagnostics"); // compiler errors still go to the screen
        let output = build.stderr(Stdio::inherit()).output();
        let output =
            output.map_err(|error| format!("Cargo cannot be started: {error}."))?;
        let file = executable(&String::from_utf8_lossy(&output.stdout), example);
        match file {
            Some(file) if output.status.success() => {
                Ok(Self::new(self.name.clone(), Run::Command(vec![file])))
            }
            _ => Err(format!(
                "{} does not compile yet. The compiler says why above; the first error is \
                 the one to read.",
                self.name
            )),
        }
    }

    fn start(&self, args: &[&str], input: Stdio) -> Result<Child, Broken> {
        let Run::Command(words) = &self.run else { return Err(self.cannot("built")) };
        let [program, more @ ..] = &words[..] else { return Err(self.cannot("found")) };
        let mut command = Command::new(program);
        command.args(more).args(args);
        command.env("PYTHONUNBUFFERED", "1"); // so that output isn't delayed
        command.env("RUST_BACKTRACE", "0"); // a panic's message is enough
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|error| self.cannot(&format!("started: {error}")))
    }

    /// Records that there can't be a verdict.
    fn cannot(&self, why: &str) -> Broken {
        set(&self.not_started, format!("{} cannot be {why}.", self.name));
        Broken::new("It cannot be started.")
    }

    /// Starts it with `serve --addr 127.0.0.1:0`, and waits until it listens.
    pub(crate) fn serve(&self, options: &[&str]) -> Result<Server<'_>, Broken> {
        let mut args = vec!["serve", "--addr", "127.0.0.1:0"];
        args.extend(options);
        let mut child = self.start(&args, Stdio::null())?;
        let (output, errors) = Output::of(&mut child);
        let addr = output.wait_for(START, |line| listening(line).is_some());
        let addr = addr.and_then(|line| listening(&line));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let addr_or = addr.unwrap_or(nowhere);
        let server = Server { addr: addr_or, child, output, errors, program: self };
        if addr.is_some() {
            return Ok(server);
        }
        let told = server.told();
        drop(server);
        let last_words = self.last_words();
        let why = match &last_words {
            Some(_) => "The lines below say why it didn't.".to_owned(),
            None => {
                format!("It still ran, but didn't do so in {} seconds.", START.as_secs())
            }
        };
        if let Some(words) = last_words {
            set(&self.last_words, words); // they are shown below all of this
        }
        Err(Broken::new(format!(
            "The check starts your server like this, and it must print where it listens before \
             anybody can talk to it. {why}"
        ))
        .sent(format!("{} {}", self.name, args.join(" ")))
        .expected("`listening on 127.0.0.1:PORT`, and then a server that serves")
        .received(told))
    }

    /// The same while this has been typed; its input stays open.
    pub(crate) fn run_and_type(
        &self,
        args: &[&str],
        typed: &str,
        limit: Duration,
    ) -> Result<Ran, Broken> {
        let mut child = self.start(args, Stdio::piped())?;
        let input = child.stdin.take();
        let _ = input.as_ref().map(|mut input| input.write_all(typed.as_bytes()));
        let ran = Self::ran(child, limit);
        drop(input);
        Ok(ran)
    }

    /// Runs it with these words, for at most this long.
    pub(crate) fn run(&self, args: &[&str], limit: Duration) -> Result<Ran, Broken> {
        let child = self.start(args, Stdio::null())?;
        Ok(Self::ran(child, limit))
    }

    /// What it prints until it ends, or has to.
    fn ran(mut child: Child, limit: Duration) -> Ran {
        let (output, errors) = Output::of(&mut child);
        let status = wait(&mut child, limit);
        let _ = child.kill();
        let _ = child.wait();
        let soon = Instant::now() + Duration::from_secs(1);
        Ran { lines: output.all(soon), errors: errors.all(soon), status }
    }

    /// What its last server printed, if it ended by itself.
    pub(crate) fn last_words(&self) -> Option<String> {
        take(&self.last_words)
    }

    /// Why it could not be started.
    pub(crate) fn not_started(&self) -> Option<String> {
        take(&self.not_started)
    }
}

impl Server<'_> {
    /// Waits for a line of its output that satisfies `wanted`.
    pub(crate) fn line(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.output.wait_for(PATIENCE, wanted)
    }

    /// The lines that it printed so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.output.lock().0.clone()
    }

    /// All of its lines, once it has ended.
    pub(crate) fn all_lines(&self) -> Vec<String> {
        self.output.all(Instant::now() + PATIENCE)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Presses Ctrl-C. Returns `false` if this program can't do that.
    pub(crate) fn interrupt(&self) -> bool {
        let kill = format!("kill -INT {}", self.pid());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        cfg!(unix) && sent.is_ok_and(|status| status.success())
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(&mut self, limit: Duration) -> Option<ExitStatus> {
        wait(&mut self.child, limit)
    }

    /// What it printed about errors, on stdout or stderr.
    fn complaints(&self) -> Vec<String> {
        let is_error = |line: &String| line.starts_with("error");
        let mut lines: Vec<String> = self.lines().into_iter().filter(is_error).collect();
        lines.extend(
            self.errors
                .lock()
                .0
                .iter()
                .filter(|line| !line.is_empty() && !line.starts_with("note:"))
                .filter(|line| !is_everyday(line))
                .cloned(),
        );
        lines
    }

    /// The line that it printed last, for the learner.
    pub(crate) fn told(&self) -> String {
        self.lines().last().map_or("nothing".to_owned(), |line| format!("{line:?}"))
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // A server that dies because of a client might be about to end.
        let status = wait(&mut self.child, Duration::from_millis(20));
        let until = Instant::now() + Duration::from_secs(1);
        let (how, lines) = match status {
            Some(status) => (format!("has ended ({status})."), self.errors.all(until)),
            None => ("reported these errors:".to_owned(), self.complaints()),
        };
        if status.is_some() || !lines.is_empty() {
            let last = lines.iter().rev().take(5).rev();
            let last: Vec<String> = last.map(|line| format!("\n  {line}")).collect();
            set(
                &self.program.last_words,
                format!("Your program {how}{}", last.concat()),
            );
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    /// Reads a program's stdout and stderr.
    fn of(child: &mut Child) -> (Arc<Self>, Arc<Self>) {
        (Self::read(child.stdout.take()), Self::read(child.stderr.take()))
    }

    fn read(source: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let output = Arc::new(Self::default());
        let writer = Arc::clone(&output);
        thread::spawn(move || {
            let lines = source
                .into_iter()
                .flat_map(|source| BufReader::new(source).split(b'\n'));
            for line in lines.map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                writer.lock().0.push(line);
                writer.changed.notify_all();
            }
            writer.lock().1 = true;
            writer.changed.notify_all();
        });
        output
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<String>, bool)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a line, or finds it among the earlier ones.
    fn wait_for(
        &self,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let until = Instant::now() + limit;
        let mut lines = self.lock();
        loop {
            let found = lines.0.iter().find(|line| wanted(line));
            let left = until.saturating_duration_since(Instant::now());
            if found.is_some() || lines.1 || left.is_zero() {
                return found.cloned();
            }
            let waited = self.changed.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All lines: waits for the end of the output.
    fn all(&self, until: Instant) -> Vec<String> {
        let left = until.saturating_duration_since(Instant::now());
        self.wait_for(left, |_| false);
        self.lock().0.clone()
    }
}

fn set(place: &Mutex<Option<String>>, text: String) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
}

fn take(place: &Mutex<Option<String>>) -> Option<String> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Waits until a process ends.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => {
                thread::sleep(Duration::from_millis(5))
            }
            _ => return None,
        }
    }
}

/// Whether a line of a log reports something ordinary.
fn is_everyday(line: &str) -> bool {
    ["TRACE ", "DEBUG ", "INFO "].iter().any(|level| line.starts_with(level))
}

/// The address in `listening on 127.0.0.1:4000 (Ctrl-C stops it)`.
fn listening(line: &str) -> Option<SocketAddr> {
    let addr = line.trim().strip_prefix("listening on ")?;
    addr.split(' ').next()?.parse().ok()
}

/// The file that Cargo built for an example, by its own report.
fn executable(messages: &str, example: &str) -> Option<String> {
    let name = format!("\"name\":\"{example}\"");
    let line = messages.lines().rfind(|line| line.contains(&name))?;
    let (_, file) = line.split_once("\"executable\":\"")?;
    Some(file.split('"').next()?.replace("\\\\", "\\"))
}

/// What starts Python here.
pub(crate) fn python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
