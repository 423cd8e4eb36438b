//! The command line of a lesson: `serve`, `client`, or nothing, and a few options.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;

use super::address::{checked_address, quoted, reachable};
use super::{help, stage, terminal, timeline::Drawing};

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

/// What a lesson's command line can contain.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The example's name, as in `cargo run --example NAME`.
    pub(crate) name: &'static str,
    /// The feature without which Cargo doesn't build it, if there is one.
    pub(crate) feature: Option<&'static str>,
    /// The lesson in one line.
    pub(crate) about: &'static str,
    /// Where server and client meet; `None` if the lesson has no two ends.
    pub(crate) default_addr: Option<&'static str>,
    /// How `--help` shows the words that can follow; `None` if words aren't allowed.
    pub(crate) words: Option<&'static str>,
    /// The lesson's own options.
    pub(crate) options: Vec<Opt>,
}

/// One option of one lesson.
#[derive(Debug)]
pub(crate) struct Opt {
    /// Its name, without the two dashes.
    pub(crate) name: &'static str,
    /// What follows it.
    pub(crate) value: Value,
    /// What `--help` says about it.
    pub(crate) help: &'static str,
    /// Which roles use it. For the others, it's an error: ignoring it would mislead a
    /// student.
    pub(crate) roles: &'static [Role],
}

/// What follows an option.
#[derive(Debug)]
pub(crate) enum Value {
    /// Nothing: the option is there or not.
    Nothing,
    /// A whole number.
    Number {
        /// The value if the option isn't given.
        default: usize,
        /// The smallest number allowed.
        least: usize,
        /// The largest number allowed.
        most: usize,
    },
    /// Text, with the name that `--help` gives it.
    Text(&'static str),
    /// Nothing, or `=FILE.svg`: where a drawing goes.
    Drawing,
}

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Running the lesson with these arguments.
    Run(Args),
    /// Printing this text, and nothing else.
    Help(String),
}

/// The arguments of this run.
#[derive(Debug)]
pub(crate) struct Args {
    /// The example's name.
    name: &'static str,
    /// What runs it.
    cargo: String,
    /// What to run.
    role: Role,
    /// The address of `--addr`, or the lesson's own.
    addr: String,
    /// The lesson's own address.
    default_addr: &'static str,
    /// The words after the options.
    words: Vec<String>,
    /// The lesson's options, as given: name and value.
    given: Vec<(&'static str, String)>,
    /// The defaults of the lesson's numbers.
    defaults: Vec<(&'static str, usize)>,
    /// What `--timeline` asks for.
    drawing: Drawing,
}

impl Role {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Demonstration, Self::Serve, Self::Client];

    /// What the student calls it.
    fn word(self) -> &'static str {
        match self {
            Self::Demonstration => "the demonstration",
            Self::Serve => "`serve`",
            Self::Client => "`client`",
        }
    }
}

impl Spec {
    /// A command line that takes `--help` only.
    pub(crate) fn new(name: &'static str, about: &'static str) -> Self {
        let (words, options) = (None, Vec::new());
        Self { name, feature: None, about, default_addr: None, words, options }
    }

    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// One or two sentences for the student, if the line makes no sense.
    pub(crate) fn parse(
        &self,
        line: impl Iterator<Item = OsString>,
    ) -> Result<Parsed, String> {
        let line: Result<Vec<String>, OsString> =
            line.map(OsString::into_string).collect();
        let line = line.map_err(|word| {
            let word = word.to_string_lossy();
            format!(
                "`{word}` is not UTF-8. Set your terminal to UTF-8, and type it again."
            )
        })?;
        let mut line = line.into_iter().peekable();
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
        let mut seen: Vec<String> = Vec::new();
        while let Some(word) = line.next() {
            if only_words || !word.starts_with('-') || word == "-" {
                args.words.push(word);
                continue;
            }
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            if seen.iter().any(|it| it == name) {
                return Err(format!("{name} is there twice. Give it once."));
            }
            seen.push(name.to_owned());
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
                    let to_listen = args.role == Role::Serve;
                    args.addr = checked_address(value("an address")?, to_listen)?;
                }
                "--addr" if self.default_addr.is_some() => {
                    return Err("--addr is only for `serve` and `client`; the \
                        demonstration takes any free port."
                        .to_owned());
                }
                _ => {
                    let option = self.option(name, args.role)?;
                    let value = match option.value {
                        Value::Nothing if attached.is_some() => {
                            return Err(format!("{name} takes no value."));
                        }
                        Value::Nothing => String::new(),
                        Value::Number { least, most, .. } => {
                            checked_number(name, value("a number")?, least, most)?
                        }
                        Value::Text(what) => value(what)?,
                        Value::Drawing => {
                            args.drawing = drawing(attached, line.peek())?;
                            String::new()
                        }
                    };
                    args.given.push((option.name, value));
                }
            }
        }
        self.check_words(&args)?;
        Ok(Parsed::Run(args))
    }

    /// The option called `name`, if `role` uses it.
    fn option(&self, name: &str, role: Role) -> Result<&Opt, String> {
        let known = |option: &&Opt| name.strip_prefix("--") == Some(option.name);
        let Some(option) = self.options.iter().find(known) else {
            let words = match self.words {
                Some(_) if !name.starts_with("--") => {
                    " Put one more `--` before a word that begins with `-`."
                }
                _ => "",
            };
            return Err(format!("{} has no option `{name}`.{words}", self.name));
        };
        if option.roles.contains(&role) {
            return Ok(option);
        }
        let users: Vec<&str> = option.roles.iter().map(|role| role.word()).collect();
        Err(format!(
            "{name} is only for {}; {} doesn't use it.",
            users.join(" and "),
            role.word()
        ))
    }

    /// What runs the example.
    pub(crate) fn cargo(&self) -> String {
        let feature = self.feature.map(|it| format!(" --features {it}"));
        format!("cargo run --example {}{}", self.name, feature.unwrap_or_default())
    }

    /// The arguments of an empty command line.
    fn start(&self) -> Args {
        let default_addr = self.default_addr.unwrap_or_default();
        let defaults = self.options.iter().filter_map(|option| match option.value {
            Value::Number { default, .. } => Some((option.name, default)),
            Value::Nothing | Value::Text(_) | Value::Drawing => None,
        });
        Args {
            name: self.name,
            cargo: self.cargo(),
            role: Role::Demonstration,
            addr: default_addr.to_owned(),
            default_addr,
            words: Vec::new(),
            given: Vec::new(),
            defaults: defaults.collect(),
            drawing: Drawing::Nothing,
        }
    }

    /// Rejects words where the lesson doesn't read any.
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
        let width = help::width();
        let run = self.cargo();
        let words = self.words.unwrap_or_default();
        let way =
            |left: String, right: &str| (left.trim_end().to_owned(), right.to_owned());
        let ways = match self.default_addr {
            None if words.is_empty() => vec![way(run, "the demonstration")],
            None => vec![way(format!("{run} -- {words}"), "the demonstration")],
            Some(_) => vec![
                way(run.clone(), "the demonstration: both ends at once"),
                way(format!("{run} -- serve"), "the server, until Ctrl-C"),
                way(format!("{run} -- client {words}"), "one client"),
            ],
        };
        let mut options = vec![];
        if let Some(addr) = self.default_addr {
            let help = format!("where serve and client meet (default {addr})");
            options.push(("--addr HOST:PORT".to_owned(), help));
        }
        for Opt { name, value, help, .. } in &self.options {
            options.push(match value {
                Value::Nothing => (format!("--{name}"), (*help).to_owned()),
                Value::Drawing => (format!("--{name}[=FILE.svg]"), (*help).to_owned()),
                Value::Text(value) => (format!("--{name} {value}"), (*help).to_owned()),
                Value::Number { default, .. } => {
                    (format!("--{name} N"), format!("{help} (default {default})"))
                }
            });
        }
        options.push(("--help".to_owned(), "this text".to_owned()));
        format!(
            "{}\n\n{}\nOptions (they come after `--`):\n{}",
            help::paragraph(&format!("{}: {}", self.name, self.about), width),
            help::table(&ways, width),
            help::table(&options, width)
        )
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

    /// The lesson's own address.
    pub(crate) fn default_addr(&self) -> &'static str {
        self.default_addr
    }

    /// The words after the options.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// The words in one line, or `default` if there are none.
    pub(crate) fn message(&self, default: &str) -> String {
        if self.words.is_empty() { default.to_owned() } else { self.words.join(" ") }
    }

    /// The words in one line, or, without any words, a line from the terminal.
    ///
    /// # Errors
    ///
    /// Reading the input failed.
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

    /// The text of `--name VALUE`, if it was given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    /// What `--timeline` asks for.
    pub(crate) fn drawing(&self) -> &Drawing {
        &self.drawing
    }

    /// Says that the server listens, and how to start a client in another terminal.
    ///
    /// `addr` is the listening socket's own address. For port 0, that's the real port.
    pub(crate) fn listening(&self, addr: SocketAddr) {
        stage::print(&format!(
            "listening on {addr} (Ctrl-C stops it)\nin another terminal: {}\n",
            self.command("client", &reachable(addr).to_string())
        ));
    }

    /// The command that starts `role` at `addr`.
    pub(crate) fn command(&self, role: &str, addr: &str) -> String {
        let command = format!("{} -- {role}", self.cargo);
        if addr == self.default_addr {
            command
        } else {
            format!("{command} --addr {}", quoted(addr))
        }
    }
}

/// `value`, if it's a whole number that is neither too small nor too large.
fn checked_number(
    name: &str,
    value: String,
    least: usize,
    most: usize,
) -> Result<String, String> {
    let digits = value.strip_prefix('+').unwrap_or(&value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{name} takes a whole number, and `{value}` isn't one."));
    }
    match value.parse::<usize>() {
        Ok(number) if number < least => {
            Err(format!("{name} must be {least} at least, and {value} is less."))
        }
        Ok(number) if number <= most => Ok(value),
        _ => Err(format!("{name} can be {most} at most, and {value} is more.")),
    }
}

/// Where a drawing goes, if `--timeline` has this `=FILE` and this word after it.
fn drawing(file: Option<String>, next: Option<&String>) -> Result<Drawing, String> {
    match (file, next) {
        (None, Some(next)) if !next.starts_with('-') => Err(format!(
            "The file comes right after --timeline and `=`: write --timeline={next}."
        )),
        (None, _) => Ok(Drawing::Text),
        (Some(file), _) if file.is_empty() => {
            Err("--timeline= needs a file name, as in --timeline=a.svg.".to_owned())
        }
        (Some(file), _) if !file.to_lowercase().ends_with(".svg") => {
            Err(format!("The picture is an SVG file: write --timeline={file}.svg."))
        }
        (Some(file), _) => Ok(Drawing::Svg(file.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        let mut spec = Spec::new("99_test", "nothing");
        spec.default_addr = Some("127.0.0.1:4242");
        spec.words = Some("[WORDS...]");
        let option = |name, value, help, roles| Opt { name, value, help, roles };
        let number = Value::Number { default: 4, least: 2, most: 9 };
        spec.options = vec![
            option("parallel", number, "at once", &Role::ALL),
            option("fast", Value::Nothing, "without pauses", &Role::ALL),
            option("name", Value::Text("NAME"), "who you are", &[Role::Client]),
            option("timeline", Value::Drawing, "draw it", &[Role::Demonstration]),
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
        assert_eq!(run("client --name a=b -- --name c").text("name"), Some("a=b"));
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
            ("--addr 127.0.0.1:1", "is only for `serve` and `client`"),
            ("serve --addr", "needs an address"),
            ("serve --addr 80", "the port is missing"),
            ("serve --addr :80", "the host is missing"),
            ("serve --addr ::1:80", "needs brackets"),
            ("serve --addr localhost:http", "not a number from 0 to 65535"),
            ("serve --addr localhost:65536", "not a number from 0 to 65535"),
            ("client --addr 127.0.0.1:0", "the port that the server printed"),
            ("serve --addr [::1]", "the port is missing"),
            ("serve --addr [::1", "needs two brackets"),
            ("serve --name ada", "--name is only for `client`; `serve` doesn't use it"),
            ("--name ada", "the demonstration doesn't use it"),
            ("serve --timeline", "--timeline is only for the demonstration"),
            ("--timeline a.svg", "write --timeline=a.svg"),
            ("--timeline=a.png", "write --timeline=a.png.svg"),
            ("serve --parallel 10", "--parallel can be 9 at most, and 10 is more"),
            ("serve --parallel 99999999999999999999999", "is more"),
            ("serve --parallel 1", "--parallel must be 2 at least, and 1 is less"),
            ("serve --fast --fast", "--fast is there twice"),
            ("client --name a --name=b", "--name is there twice"),
            ("serve --addr [::1]:1 --addr [::1]:1", "--addr is there twice"),
            ("serve --parallel -1", "takes a whole number"),
            ("serve --port 80", "has no option `--port`"),
            ("serve -x", "has no option `-x`. Put one more `--` before a word"),
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
        let options =
            ["--parallel N", "(default 4)", "--name NAME", "--timeline[=FILE.svg]"];
        for part in options {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_argument_that_is_not_utf_8_is_rejected() {
        use std::os::unix::ffi::OsStringExt;
        let line = ["client".into(), OsString::from_vec(b"caf\xe9".to_vec())];
        let refused = spec().parse(line.into_iter()).map(|_| ()).expect_err("taken");
        assert!(refused.contains("is not UTF-8"), "{refused}");
    }

    #[test]
    fn the_command_for_the_other_terminal_leaves_out_the_default() {
        let args = run("serve");
        assert_eq!(
            args.command("client", "127.0.0.1:4242"),
            "cargo run --example 99_test -- client"
        );
        let other = args.command("client", "[::1]:1");
        assert!(other.ends_with("-- client --addr \"[::1]:1\""), "{other}");
    }
}
