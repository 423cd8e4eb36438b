//! What an example is made of: a name, and a function for each way to run it.

use std::io;
use std::process::ExitCode;

use super::args::{self, Args, Parsed, Role, Spec, Value};
use super::{hints, stage, timeline};

/// The example's name, as in `cargo run --example NAME`: the name of its file. So a copy
/// called `my_02_1.rs` has a name of its own.
pub(crate) const NAME: &str = env!("CARGO_CRATE_NAME");

/// The help of `--timeline`.
const TIMELINE: &str = "draw what each thread did; with =FILE.svg, as a picture";

/// The signature of a lesson's `serve`, `client` and `demonstration`.
pub(crate) type Part = fn(&Args) -> io::Result<()>;

/// One lesson's program. Built in `main`, which ends with [`run`](Lesson::run).
#[derive(Debug)]
pub(crate) struct Lesson {
    /// What the command line can contain.
    spec: Spec,
    /// Runs without a role.
    demonstration: Part,
    /// Runs for the word `serve`.
    serve: Option<Part>,
    /// Runs for the word `client`.
    client: Option<Part>,
}

impl Lesson {
    /// A lesson with only a demonstration, and what it's about.
    pub(crate) fn new(about: &'static str, demonstration: Part) -> Self {
        let spec = Spec::new(NAME, about);
        Self { spec, demonstration, serve: None, client: None }
    }

    /// Adds the two ends, `serve` and `client`, and the address where they meet.
    pub(crate) fn ends(mut self, addr: &'static str, serve: Part, client: Part) -> Self {
        self.spec.default_addr = Some(addr);
        self.serve = Some(serve);
        self.client = Some(client);
        self
    }

    /// Says without which feature Cargo doesn't build this lesson.
    pub(crate) fn feature(mut self, name: &'static str) -> Self {
        self.spec.feature = Some(name);
        self
    }

    /// Allows words on the command line of the client (or of a lesson with only a
    /// demonstration). `usage` is how `--help` shows them, for example `[WORDS...]`.
    pub(crate) fn words(mut self, usage: &'static str) -> Self {
        self.spec.words = Some(usage);
        self
    }

    /// Adds `--name`, an option without a value: see [`Args::flag`]. A help that begins
    /// with `client:`, `serve:`, `demonstration:`, `server:` (in the demonstration, too) or
    /// `ends:` (not in the demonstration) says which roles use the option. For the others, it's an error.
    pub(crate) fn flag(self, name: &'static str, help: &'static str) -> Self {
        self.option(name, Value::Nothing, help)
    }

    /// Adds `--name N` with a default: see [`Args::number`].
    pub(crate) fn number(
        self,
        name: &'static str,
        default: usize,
        help: &'static str,
    ) -> Self {
        self.number_to(name, usize::MAX, default, help)
    }

    /// The same with a largest number.
    pub(crate) fn number_to(
        self,
        name: &'static str,
        most: usize,
        default: usize,
        help: &'static str,
    ) -> Self {
        self.option(name, Value::Number { default, least: 0, most }, help)
    }

    /// Adds `--name N` for something of which there must be one.
    pub(crate) fn count(
        self,
        name: &'static str,
        most: usize,
        default: usize,
        help: &'static str,
    ) -> Self {
        self.option(name, Value::Number { default, least: 1, most }, help)
    }

    /// Adds `--name VALUE`: see [`Args::text`].
    pub(crate) fn text(
        self,
        name: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        self.option(name, Value::Text(value), help)
    }

    /// Adds `--timeline` and `--timeline=FILE.svg`, drawn when the demonstration ends.
    pub(crate) fn timeline(self) -> Self {
        self.option("timeline", Value::Drawing, TIMELINE)
    }

    /// The same, for `serve` too, which must end cleanly at Ctrl-C.
    pub(crate) fn server_timeline(mut self) -> Self {
        self = self.timeline();
        if let Some(option) = self.spec.options.last_mut() {
            option.roles = &[Role::Serve, Role::Demonstration];
        }
        self
    }

    /// Adds an option, with the roles that its help names.
    fn option(mut self, name: &'static str, value: Value, help: &'static str) -> Self {
        let (roles, help): (&[Role], &str) = match help.split_once(": ") {
            Some(("client", _)) => (&[Role::Client], help),
            Some(("serve", _)) => (&[Role::Serve], help),
            Some(("server", help)) => (&[Role::Serve, Role::Demonstration], help),
            Some(("demonstration", help)) => (&[Role::Demonstration], help),
            Some(("ends", help)) => (&[Role::Serve, Role::Client], help),
            _ if matches!(value, Value::Drawing) => (&[Role::Demonstration], help),
            _ => (&Role::ALL, help),
        };
        self.spec.options.push(args::Opt { name, value, help, roles });
        self
    }

    /// Reads the command line and runs what it asks for.
    ///
    /// The exit status is 0 if that went well, 2 for a mistake that the student can
    /// correct (in the command, or about the address), and 1 for anything else.
    pub(crate) fn run(self) -> ExitCode {
        let args = match self.spec.parse(std::env::args_os().skip(1)) {
            Ok(Parsed::Run(args)) => args,
            Ok(Parsed::Help(text)) => {
                stage::print(&text);
                return status(0);
            }
            Err(message) => {
                stage::complain(&format!(
                    "{message}\nSee all ways to run it: {} -- --help",
                    self.spec.cargo()
                ));
                return ExitCode::from(2);
            }
        };
        let result = timeline::begin(args.drawing())
            .and_then(|()| self.play(&args))
            .and_then(|()| timeline::finish(args.drawing()));
        match result {
            Ok(()) => status(0),
            Err(error) => {
                let hint = hints::explain(&error, &args);
                stage::complain(&hint.text);
                status(hint.status)
            }
        }
    }

    /// Runs one of the three roles.
    fn play(&self, args: &Args) -> io::Result<()> {
        match args.role() {
            Role::Serve => {
                self.serve.map_or(Ok(()), |serve| serve(args))?;
                stage::end_line(); // the shell's prompt then begins on a new line
                Ok(())
            }
            Role::Client => self.client.map_or(Ok(()), |client| client(args)),
            Role::Demonstration => {
                stage::open();
                (self.demonstration)(args)
            }
        }
    }
}

/// The exit status. If output was lost, it isn't success.
fn status(status: u8) -> ExitCode {
    match status {
        0 => ExitCode::from(u8::from(stage::output_is_lost())),
        status => ExitCode::from(status),
    }
}
