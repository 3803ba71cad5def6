//! The conversation at a terminal.

use super::answer::answer;
use super::input::{Draft, HELP, Input};
use super::record::Record;
use super::rules::Rules;
use super::{Loading, Setting, message, start_loading, wait};
use crate::config::App;
use crate::loading::{self, Chosen};
use crate::output::{self, harmless};
use anyhow::Context;
use engine::text::Message;
use engine::{Engine, FinishReason};
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};
use std::io::Write;
use std::process::ExitCode;

/// Reads, answers, and does so again until the user leaves.
pub(super) fn run(
    app: &App,
    chosen: Chosen,
    loading: Loading,
    setting: Setting,
    record: Option<Record>,
) -> anyhow::Result<ExitCode> {
    let (loading, messages) = (Some(loading), Vec::new());
    let rules = Rules::open(app)?;
    let mut talk = Talk { app, chosen, loading, engine: None, setting, messages, record, rules };
    let mut terminal = Terminal::open(app)?;
    if !app.quiet {
        eprintln!("{} · /help for commands, Ctrl-D to leave", talk.chosen.name);
    }
    while let Some(input) = terminal.next()? {
        match talk.handle(input) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => eprintln!("hone: {error:#}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The editor, its history, and what counts as leaving.
struct Terminal {
    editor: DefaultEditor,
    history: std::path::PathBuf,
}

impl Terminal {
    fn open(app: &App) -> anyhow::Result<Terminal> {
        let config = Config::builder().max_history_size(1000)?.auto_add_history(false).build();
        let mut editor = DefaultEditor::with_config(config)?;
        let history = app.home.join("history");
        // The first conversation has no history yet.
        let _ = editor.load_history(&history);
        Ok(Terminal { editor, history })
    }

    /// The next input; `None` when the user leaves, with Ctrl-D or with a second Ctrl-C.
    fn next(&mut self) -> anyhow::Result<Option<Input>> {
        let mut draft = Draft::default();
        let mut interrupted = false;
        loop {
            match self.editor.readline(if draft.is_open() { "… " } else { "> " }) {
                Ok(line) => {
                    interrupted = false;
                    if !line.trim().is_empty() {
                        self.editor.add_history_entry(&line)?;
                    }
                    if let Some(input) = draft.push(&line) {
                        // Losing history is no reason to end a conversation.
                        let _ = self.editor.append_history(&self.history);
                        return Ok(Some(input));
                    }
                }
                Err(ReadlineError::Interrupted) if interrupted => return Ok(None),
                Err(ReadlineError::Interrupted) => {
                    interrupted = !draft.is_open();
                    draft = Draft::default();
                    if interrupted {
                        eprintln!("(Ctrl-C again, or Ctrl-D, leaves)");
                    }
                }
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(error).context("cannot read from the terminal"),
            }
        }
    }
}

/// The conversation so far and the model that it is with.
struct Talk<'a> {
    app: &'a App,
    chosen: Chosen,
    /// The engine until it is needed for the first time.
    loading: Option<Loading>,
    engine: Option<Engine>,
    setting: Setting,
    messages: Vec<Message>,
    /// Where it is kept; `None` with `--no-save`.
    record: Option<Record>,
    rules: Rules,
}

impl Talk<'_> {
    /// Does what was asked; `false` ends the conversation.
    fn handle(&mut self, input: Input) -> anyhow::Result<bool> {
        match input {
            Input::Message(text) => self.say(&text)?,
            Input::Help => eprint!("{HELP}"),
            Input::Model(None) => eprintln!("{} ({})", self.chosen.name, self.chosen.path.display()),
            Input::Model(Some(name)) => self.change_model(&name)?,
            Input::System(None) => eprintln!("{}", self.setting.system.as_deref().unwrap_or("(none)")),
            Input::System(Some(text)) => self.setting.system = Some(text),
            Input::Reset => {
                self.messages.clear();
                self.record.iter_mut().for_each(Record::reset);
            }
            Input::Save(Some(file)) => self.save(&file)?,
            Input::Save(None) => eprintln!("/save needs a file name"),
            Input::Accept(id) => {
                for rule in self.rules.accept(id.as_deref())? {
                    eprintln!("it holds: {} {}", rule.id.short(), harmless(&rule.text));
                }
            }
            Input::Unknown(word) => eprintln!("there is no /{word}; /help lists what there is"),
            Input::Leave => return Ok(false),
        }
        Ok(true)
    }

    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        if let Some(said) = self.rules.take(text)? {
            return self.said(text, &said);
        }
        self.messages.push(message("user", text));
        let result = self.reply();
        if result.is_err() {
            // The question is in the editor's history; the conversation goes on as if it was not asked.
            self.messages.pop();
        }
        result
    }

    /// Keeps a question that hone itself has answered.
    fn said(&mut self, question: &str, said: &str) -> anyhow::Result<()> {
        output::print(&format!("{}\n\n", harmless(said)))?;
        self.messages.extend([message("user", question), message("assistant", said)]);
        if let Some(record) = &mut self.record {
            let adapter = self.setting.adapter.as_ref().map(|adapter| adapter.id());
            record.question(question, &self.chosen.name, adapter)?;
            record.said(said)?;
        }
        Ok(())
    }

    fn reply(&mut self) -> anyhow::Result<()> {
        self.finish_loading()?;
        let engine = self.engine.as_ref().expect("finish_loading has put it there");
        let question = self.messages.last().map(|question| question.content.as_str()).unwrap_or_default();
        let rules = self.rules.choose(question, engine)?;
        self.setting.rules = rules.text;
        if let (Some(record), Some(question)) = (&mut self.record, self.messages.last()) {
            let adapter = self.setting.adapter.as_ref().map(|adapter| adapter.id());
            record.question(&question.content, &self.chosen.name, adapter)?;
        }
        let record = &mut self.record;
        let show = |text: &str| {
            record.iter_mut().for_each(|record| record.piece(text));
            output::print(&harmless(text))
        };
        let answer = answer(engine, &self.messages, &self.setting, show);
        if let Some(record) = &mut self.record {
            record.finished(&answer, &self.chosen.name, &rules.ids)?;
        }
        let answer = answer?;
        output::print(if answer.text.ends_with('\n') { "\n" } else { "\n\n" })?;
        match answer.reason {
            FinishReason::Cancelled => eprintln!("(stopped)"),
            FinishReason::Length => eprintln!("(cut off: the longest answer or the context is reached)"),
            FinishReason::Stop => {}
        }
        if let Some(note) = rules.note.filter(|_| !self.app.quiet) {
            eprintln!("{note}");
        }
        self.messages.push(message("assistant", &answer.text));
        Ok(())
    }

    fn finish_loading(&mut self) -> anyhow::Result<()> {
        if self.engine.is_none() {
            // After a failure the next message tries again.
            let loading = self.loading.take();
            let loading =
                loading.unwrap_or_else(|| start_loading(&self.chosen, self.setting.options.clone()));
            self.engine = Some(wait(loading)?);
        }
        Ok(())
    }

    fn change_model(&mut self, name: &str) -> anyhow::Result<()> {
        let chosen = loading::choose(self.app, Some(name))?;
        // The one in use for the new model: the old one's does not fit.
        let adapter = crate::adapters::choose(self.app, &chosen, None)?;
        self.engine = None; // two models at once may not fit in memory
        self.loading = Some(start_loading(&chosen, self.setting.options.clone()));
        (self.chosen, self.setting.adapter) = (chosen, adapter);
        Ok(())
    }

    /// Writes `{"model", "messages"}`; never over a file that is there.
    fn save(&self, file: &str) -> anyhow::Result<()> {
        let messages = self.setting.with_system(&self.messages);
        let text = serde_json::to_string_pretty(&serde_json::json!({
            "model": self.chosen.name,
            "messages": messages,
        }))?;
        let mut out = std::fs::File::create_new(file).with_context(|| format!("cannot save to {file}"))?;
        writeln!(out, "{text}").with_context(|| format!("cannot save to {file}"))?;
        eprintln!("saved to {file}");
        Ok(())
    }
}
