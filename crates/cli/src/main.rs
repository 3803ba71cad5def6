//! `hone`: parse, wire the parts, exit code.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod adapters;
mod bases;
mod brain;
mod commands;
mod config;
mod embedding;
mod flags;
mod intent;
mod held_out;
mod interrupt;
mod knowing;
mod loading;
mod output;
mod program;
mod progress;
mod signals;

use clap::{CommandFactory, Parser};
use flags::{Command, Flags};
use std::process::ExitCode;

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(flags) {
        Ok(code) => code,
        Err(error) => output::report(&error),
    }
}

/// The whole program.
fn run(flags: Flags) -> anyhow::Result<ExitCode> {
    output::start_log(flags.verbose, flags.quiet);
    let Some(command) = flags.command else {
        output::print(&Flags::command().render_help().to_string())?;
        return Ok(ExitCode::SUCCESS);
    };
    let app = config::App::open(flags.quiet)?;
    match command {
        Command::Pull(flags) => commands::pull::run(&app, &flags),
        Command::List(flags) => commands::list::run(&app, &flags),
        Command::Show(flags) => commands::show::run(&app, &flags),
        Command::Rm(flags) => commands::rm::run(&app, &flags),
        Command::Use(flags) => commands::use_::run(&app, &flags),
        Command::Chat(flags) => commands::chat::run(&app, &flags),
        Command::Chats(flags) => commands::chats::run(&app, &flags),
        Command::Remember(flags) => commands::remember::run(&app, &flags),
        Command::Rules(flags) => commands::rules::run(&app, &flags),
        Command::Serve(flags) => commands::serve::run(&app, &flags),
        Command::Index(flags) => commands::index::run(&app, &flags),
        Command::Search(flags) => commands::search::run(&app, &flags),
        Command::Data(flags) => commands::data::run(&app, &flags),
        Command::Export(flags) => commands::export::run(&app, &flags),
        Command::Train(flags) => commands::train::run(&app, &flags),
        Command::Learn(flags) => commands::learn::run(&app, &flags),
        Command::Demo(flags) => commands::demo::run(&app, &flags),
        Command::Verify(flags) => commands::verify::run(&app, &flags),
        Command::Score(flags) => commands::score::run(&app, &flags),
        Command::Intent(flags) => commands::intent::run(&app, &flags),
        Command::Bench(flags) => commands::bench::run(&app, &flags),
        Command::Adapter(flags) => commands::adapter::run(&app, &flags),
        Command::Doctor(flags) => commands::doctor::run(&app, &flags),
    }
}
