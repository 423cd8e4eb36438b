//! What an example is made of: a name, and a function for each way to run it.

use std::io;
use std::process::ExitCode;

use super::args::{self, Args, Parsed, Spec, Value};
use super::{hints, stage, timeline};

/// The signature of a lesson's `serve`, `client` and `demonstration`.
pub(crate) type Role = fn(&Args) -> io::Result<()>;

/// One lesson's program. Built in `main`, which ends with [`run`](Lesson::run).
#[derive(Debug)]
pub(crate) struct Lesson {
    /// What the command line may say.
    spec: Spec,
    /// Runs when no role is named.
    demonstration: Role,
    /// Runs for the word `serve`.
    serve: Option<Role>,
    /// Runs for the word `client`.
    client: Option<Role>,
}

impl Lesson {
    /// A lesson with nothing but a demonstration; `name` is the example's name.
    pub(crate) fn new(name: &'static str, about: &'static str, demo: Role) -> Self {
        let spec = Spec::new(name, about);
        Self { spec, demonstration: demo, serve: None, client: None }
    }

    /// Adds the two ends, `serve` and `client`, and the address where they meet.
    pub(crate) fn ends(mut self, addr: &'static str, serve: Role, client: Role) -> Self {
        self.spec.default_addr = Some(addr);
        self.serve = Some(serve);
        self.client = Some(client);
        self
    }

    /// Lets words stand after the client's (or a lone demonstration's) name; `usage`
    /// is how `--help` shows them, for example `[WORDS...]`.
    pub(crate) fn words(mut self, usage: &'static str) -> Self {
        self.spec.words = Some(usage);
        self
    }

    /// Adds `--name`, which is there or not: see [`Args::flag`].
    pub(crate) fn flag(mut self, name: &'static str, help: &'static str) -> Self {
        self.spec.options.push(args::Opt { name, value: Value::Nothing, help });
        self
    }

    /// Adds `--name N` with a default: see [`Args::number`].
    pub(crate) fn number(
        mut self,
        name: &'static str,
        default: usize,
        help: &'static str,
    ) -> Self {
        self.spec.options.push(args::Opt { name, value: Value::Number(default), help });
        self
    }

    /// Adds `--name VALUE`: see [`Args::text`].
    pub(crate) fn text(
        mut self,
        name: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        self.spec.options.push(args::Opt { name, value: Value::Text(value), help });
        self
    }

    /// Adds `--timeline` and `--timeline=FILE.svg`, drawn when the run ends.
    pub(crate) fn timeline(mut self) -> Self {
        self.spec.timeline = true;
        self
    }

    /// Reads the command line and runs what it asks for.
    ///
    /// The exit status is 0 if that went well, 2 for a mistake that the student can put
    /// right (in the command, or about the address), and 1 for anything else.
    pub(crate) fn run(self) -> ExitCode {
        let args = match self.spec.parse(std::env::args_os().skip(1)) {
            Ok(Parsed::Run(args)) => args,
            Ok(Parsed::Help(text)) => {
                stage::print(&text);
                return ExitCode::SUCCESS;
            }
            Err(message) => {
                let name = self.spec.name;
                stage::complain(&format!(
                    "{message}\nSee all ways to run it: cargo run --example {name} -- --help"
                ));
                return ExitCode::from(2);
            }
        };
        match self.play(&args).and_then(|()| timeline::finish(args.drawing())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let hint = hints::explain(&error, &args);
                stage::complain(&hint.text);
                ExitCode::from(hint.status)
            }
        }
    }

    /// Runs one of the three roles.
    fn play(&self, args: &Args) -> io::Result<()> {
        match args.role() {
            args::Role::Serve => self.serve.map_or(Ok(()), |serve| serve(args)),
            args::Role::Client => self.client.map_or(Ok(()), |client| client(args)),
            args::Role::Demonstration => {
                stage::open();
                (self.demonstration)(args)
            }
        }
    }
}
