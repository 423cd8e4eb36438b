//! The command line of a lesson: `serve`, `client`, or nothing, and a few options.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;

use super::{stage, terminal, timeline::Drawing};

/// What the student wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Both ends in one process.
    Demonstration,
    /// The server, until Ctrl-C.
    Serve,
    /// One client.
    Client,
}

/// What a lesson's command line may say.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The example's name, as in `cargo run --example NAME`.
    pub(crate) name: &'static str,
    /// The lesson in one line.
    pub(crate) about: &'static str,
    /// Where server and client meet; `None` if the lesson has no two ends.
    pub(crate) default_addr: Option<&'static str>,
    /// How `--help` shows the words that may follow; `None` if there are none.
    pub(crate) words: Option<&'static str>,
    /// The lesson's own options.
    pub(crate) options: Vec<Opt>,
    /// Whether the lesson can draw what its threads did.
    pub(crate) timeline: bool,
}

/// One option of one lesson.
#[derive(Debug)]
pub(crate) struct Opt {
    /// Its name, without the two dashes.
    pub(crate) name: &'static str,
    /// What follows it.
    pub(crate) value: Value,
    /// One line for `--help`.
    pub(crate) help: &'static str,
}

/// What follows an option.
#[derive(Debug)]
pub(crate) enum Value {
    /// Nothing: the option is there or not.
    Nothing,
    /// A whole number, with its default.
    Number(usize),
    /// Text, with the name `--help` gives it.
    Text(&'static str),
}

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A run with these arguments.
    Run(Args),
    /// This text, and nothing else.
    Help(String),
}

/// The arguments of this run.
#[derive(Debug)]
pub(crate) struct Args {
    /// The example's name.
    name: &'static str,
    /// What to run.
    role: Role,
    /// The address of `--addr`, or the lesson's own.
    addr: String,
    /// The lesson's own address.
    default_addr: &'static str,
    /// What stands after the options.
    words: Vec<String>,
    /// The lesson's options, as given: name and value.
    given: Vec<(&'static str, String)>,
    /// The defaults of the lesson's numbers.
    defaults: Vec<(&'static str, usize)>,
    /// What `--timeline` asks for.
    drawing: Drawing,
}

impl Spec {
    /// A command line that takes `--help` only.
    pub(crate) fn new(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            default_addr: None,
            words: None,
            options: Vec::new(),
            timeline: false,
        }
    }

    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// One or two sentences for the student, if the line cannot be understood.
    pub(crate) fn parse(
        &self,
        line: impl Iterator<Item = OsString>,
    ) -> Result<Parsed, String> {
        let mut line = line.map(|word| word.to_string_lossy().into_owned()).peekable();
        let mut args = self.start();
        match line.peek().map(String::as_str) {
            Some("serve") if self.default_addr.is_some() => args.role = Role::Serve,
            Some("client") if self.default_addr.is_some() => args.role = Role::Client,
            _ => {}
        }
        if args.role != Role::Demonstration {
            line.next();
        }

        let mut only_words = false;
        while let Some(word) = line.next() {
            if only_words || !word.starts_with('-') || word == "-" {
                args.words.push(word);
                continue;
            }
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let mut value = |what: &str| {
                attached
                    .clone()
                    .or_else(|| line.next())
                    .ok_or(format!("{name} needs {what} after it."))
            };
            match name {
                "--" => only_words = true,
                "--help" | "-h" => return Ok(Parsed::Help(self.help())),
                "--addr" if args.role != Role::Demonstration => {
                    args.addr = checked_address(value("an address")?)?;
                }
                "--addr" if self.default_addr.is_some() => {
                    return Err("--addr belongs to `serve` and `client`: the \
                        demonstration takes any free port."
                        .to_owned());
                }
                "--timeline" if self.timeline => {
                    args.drawing = match attached {
                        None => Drawing::Text,
                        Some(file) if !file.is_empty() => Drawing::Svg(file.into()),
                        Some(_) => {
                            return Err("--timeline= needs a file name.".to_owned());
                        }
                    };
                }
                _ => {
                    let known =
                        |option: &&Opt| name.strip_prefix("--") == Some(option.name);
                    let Some(option) = self.options.iter().find(known) else {
                        return Err(format!("{} has no option `{name}`.", self.name));
                    };
                    let value = match option.value {
                        Value::Nothing if attached.is_some() => {
                            return Err(format!("{name} takes no value."));
                        }
                        Value::Nothing => String::new(),
                        Value::Number(_) => checked_number(name, value("a number")?)?,
                        Value::Text(what) => value(what)?,
                    };
                    args.given.push((option.name, value));
                }
            }
        }
        self.check_words(&args)?;
        Ok(Parsed::Run(args))
    }

    /// The arguments of an empty command line.
    fn start(&self) -> Args {
        let default_addr = self.default_addr.unwrap_or_default();
        let defaults = self.options.iter().filter_map(|option| match option.value {
            Value::Number(default) => Some((option.name, default)),
            Value::Nothing | Value::Text(_) => None,
        });
        Args {
            name: self.name,
            role: Role::Demonstration,
            addr: default_addr.to_owned(),
            default_addr,
            words: Vec::new(),
            given: Vec::new(),
            defaults: defaults.collect(),
            drawing: Drawing::Nothing,
        }
    }

    /// Refuses words where none are read.
    fn check_words(&self, args: &Args) -> Result<(), String> {
        let Some(word) = args.words.first() else { return Ok(()) };
        let wanted = match args.role {
            Role::Demonstration => self.words.is_some() && self.default_addr.is_none(),
            Role::Client => self.words.is_some(),
            Role::Serve => false,
        };
        if wanted {
            return Ok(());
        }
        Err(match (args.role, self.default_addr) {
            (Role::Demonstration, Some(_)) => format!(
                "`{word}` is not a way to run {}: write `serve` or `client` first, or \
                 nothing for the demonstration.",
                self.name
            ),
            _ => format!("`{word}` is one word too many."),
        })
    }

    /// The text of `--help`.
    fn help(&self) -> String {
        let run = format!("cargo run --example {}", self.name);
        let words = self.words.unwrap_or_default();
        let mut ways = vec![];
        match self.default_addr {
            None => ways.push((format!("{run} {words}"), "the demonstration")),
            Some(_) => {
                ways.push((run.clone(), "the demonstration: both ends at once"));
                ways.push((format!("{run} -- serve"), "the server, until Ctrl-C"));
                ways.push((format!("{run} -- client {words}"), "one client"));
            }
        }
        let mut options = vec![];
        if let Some(addr) = self.default_addr {
            options.push((
                "--addr HOST:PORT".to_owned(),
                format!("where serve and client meet (default {addr})"),
            ));
        }
        for option in &self.options {
            let name = option.name;
            options.push(match option.value {
                Value::Nothing => (format!("--{name}"), option.help.to_owned()),
                Value::Text(value) => {
                    (format!("--{name} {value}"), option.help.to_owned())
                }
                Value::Number(default) => (
                    format!("--{name} N"),
                    format!("{} (default {default})", option.help),
                ),
            });
        }
        if self.timeline {
            let file = "--timeline=FILE.svg".to_owned();
            options
                .push(("--timeline".to_owned(), "draw what each thread did".to_owned()));
            options.push((file, "save that drawing as a picture".to_owned()));
        }
        options.push(("--help".to_owned(), "this text".to_owned()));

        let mut text = format!("{}: {}\n\n", self.name, self.about);
        let width = ways.iter().map(|(left, _)| left.trim_end().len()).max();
        for (left, right) in &ways {
            let width = width.unwrap_or_default();
            text += &format!("  {:width$}  {right}\n", left.trim_end());
        }
        text += "\nOptions (they stand after `--`):\n";
        let width = options.iter().map(|(left, _)| left.len()).max().unwrap_or_default();
        for (left, right) in &options {
            text += &format!("  {left:width$}  {right}\n");
        }
        text
    }
}

impl Args {
    /// What to run.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The example's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The address to bind or to connect to, as `HOST:PORT`.
    pub(crate) fn addr(&self) -> &str {
        &self.addr
    }

    /// The words after the options.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// The words in one line, or `default` if there are none.
    pub(crate) fn message(&self, default: &str) -> String {
        if self.words.is_empty() { default.to_owned() } else { self.words.join(" ") }
    }

    /// The words in one line; if there are none, a line from the terminal.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub(crate) fn words_or_ask(&self, prompt: &str) -> io::Result<Option<String>> {
        if self.words.is_empty() {
            terminal::ask(prompt)
        } else {
            Ok(Some(self.message("")))
        }
    }

    /// Whether `--name` was given.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// The number of `--name N`, or its default.
    pub(crate) fn number(&self, name: &str) -> usize {
        let given = self.text(name).and_then(|value| value.parse().ok());
        let default = self.defaults.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        given.or(default).unwrap_or_default()
    }

    /// The text of `--name VALUE`, if it was given; of several, the last one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given
            .iter()
            .rev()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value.as_str())
    }

    /// What `--timeline` asks for.
    pub(crate) fn drawing(&self) -> &Drawing {
        &self.drawing
    }

    /// Says that the server listens, and how to start a client in another terminal.
    ///
    /// `addr` is the listening socket's own address: behind port 0 it is the real one.
    pub(crate) fn listening(&self, addr: SocketAddr) {
        stage::print(&format!(
            "listening on {addr} (Ctrl-C stops it)\nin another terminal: {}\n",
            self.command("client", &reachable(addr).to_string())
        ));
    }

    /// The command that starts `role` at `addr`.
    pub(crate) fn command(&self, role: &str, addr: &str) -> String {
        let command = format!("cargo run --example {} -- {role}", self.name);
        if addr == self.default_addr {
            command
        } else {
            format!("{command} --addr {addr}")
        }
    }
}

/// Where a client finds a server that listens on `addr`: "every address" (`0.0.0.0`,
/// `[::]`) is no place to connect to, so this machine's own stands for it.
fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}

/// `addr`, if it has the form `HOST:PORT`; whether the host exists is seen later.
fn checked_address(addr: String) -> Result<String, String> {
    let reason = match addr.rsplit_once(':') {
        None => "the port is missing",
        Some(("", _)) => "the host is missing",
        Some((host, _)) if host.contains(':') && !host.starts_with('[') => {
            "an IPv6 address needs brackets, as in [::1]:1234"
        }
        Some((_, port)) if port.parse::<u16>().is_err() => {
            "the port is not a number from 0 to 65535"
        }
        Some(_) => return Ok(addr),
    };
    Err(format!(
        "`{addr}` is not an address: {reason}. Write host, colon, port, as in \
         `--addr 127.0.0.1:1234`."
    ))
}

/// `value`, if it is a whole number.
fn checked_number(name: &str, value: String) -> Result<String, String> {
    match value.parse::<usize>() {
        Ok(_) => Ok(value),
        Err(_) => Err(format!("{name} takes a whole number, and `{value}` is none.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        let mut spec = Spec::new("99_test", "nothing");
        spec.default_addr = Some("127.0.0.1:4242");
        spec.words = Some("[WORDS...]");
        spec.timeline = true;
        spec.options = vec![
            Opt { name: "parallel", value: Value::Number(4), help: "at once" },
            Opt { name: "fast", value: Value::Nothing, help: "without pauses" },
            Opt { name: "name", value: Value::Text("NAME"), help: "who you are" },
        ];
        spec
    }

    fn parse(line: &str) -> Result<Parsed, String> {
        spec().parse(line.split_whitespace().map(OsString::from))
    }

    fn run(line: &str) -> Args {
        match parse(line) {
            Ok(Parsed::Run(args)) => args,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refused(line: &str) -> String {
        parse(line).map(|_| ()).expect_err(line)
    }

    #[test]
    fn no_words_are_the_demonstration() {
        let args = run("");
        assert_eq!(args.role(), Role::Demonstration);
        assert_eq!((args.number("parallel"), args.flag("fast")), (4, false));
        assert_eq!(args.drawing(), &Drawing::Nothing);
    }

    #[test]
    fn a_role_an_address_and_words() {
        assert_eq!(run("serve").addr(), "127.0.0.1:4242");
        let args = run("client --addr [::1]:80 --parallel=7 Hello --fast -- --world");
        assert_eq!((args.role(), args.addr()), (Role::Client, "[::1]:80"));
        assert_eq!(args.message("nothing"), "Hello --world");
        assert_eq!((args.number("parallel"), args.flag("fast")), (7, true));
        assert_eq!(run("client --name a --name b").text("name"), Some("b"));
        assert_eq!(run("client").message("nothing"), "nothing");
    }

    #[test]
    fn a_drawing_goes_to_the_screen_or_to_a_file() {
        assert_eq!(run("--timeline").drawing(), &Drawing::Text);
        assert_eq!(run("--timeline=a.svg").drawing(), &Drawing::Svg("a.svg".into()));
        assert!(refused("--timeline=").contains("needs a file name"));
    }

    #[test]
    fn mistakes_are_answered_in_words() {
        for (line, expected) in [
            ("serv", "write `serve` or `client` first"),
            ("serve now", "one word too many"),
            ("--addr 127.0.0.1:1", "belongs to `serve` and `client`"),
            ("serve --addr", "needs an address"),
            ("serve --addr 80", "the port is missing"),
            ("serve --addr :80", "the host is missing"),
            ("serve --addr ::1:80", "needs brackets"),
            ("serve --addr localhost:http", "not a number from 0 to 65535"),
            ("serve --addr localhost:65536", "not a number from 0 to 65535"),
            ("serve --port 80", "has no option `--port`"),
            ("serve -x", "has no option `-x`"),
            ("serve -é", "has no option `-é`"),
            ("serve --parallel many", "takes a whole number"),
            ("serve --fast=yes", "takes no value"),
        ] {
            let message = refused(line);
            assert!(message.contains(expected), "{line}: {message}");
        }
    }

    #[test]
    fn help_names_every_way_and_every_option() {
        let Ok(Parsed::Help(text)) = parse("client --help") else { panic!("no help") };
        for part in ["-- serve", "-- client [WORDS...]", "--addr", "127.0.0.1:4242"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        for part in ["--parallel N", "(default 4)", "--name NAME", "--timeline=FILE.svg"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn the_command_for_the_other_terminal_leaves_out_the_default() {
        let args = run("serve");
        assert_eq!(
            args.command("client", "127.0.0.1:4242"),
            "cargo run --example 99_test -- client"
        );
        assert!(args.command("client", "[::1]:1").ends_with("-- client --addr [::1]:1"));
        let everywhere: SocketAddr = ([0, 0, 0, 0], 80).into();
        assert_eq!(reachable(everywhere).to_string(), "127.0.0.1:80");
    }
}
