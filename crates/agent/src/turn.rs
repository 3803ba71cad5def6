//! A turn: judge, gather, ask, run tools, until there is an answer. Each step is kept as it happens.

use crate::agent::{Agent, Answer, Ask, LONGEST, Listener, Recorder, TurnError, WebUse};
use crate::context::{Context, Parts};
use crate::event::{Step, TurnEvent};
use crate::gather::addresses;
use crate::model::{Cancel, Choice, End, Heard, Message, Prompt, Role, ToolCall};
use crate::seam::{Judgement, Rule};
use crate::source::Source;
use crate::taught::{Taught, taught};
use crate::tools::{self, FetchPage, Output, ReadFile, Remember, SearchCode, Tool, View, WebSearch};
use std::collections::HashSet;
use std::time::Instant;
use store::{Provenance, Span};

/// Bytes of an answer after which it is kept again.
const PARTIAL: usize = 256;

impl Agent {
    /// Answers a message. Blocks until the answer is complete, has failed, or `cancel` was set.
    pub fn answer(
        &self,
        ask: &Ask,
        cancel: &Cancel,
        recorder: &mut dyn Recorder,
        listener: &mut dyn Listener,
    ) -> Result<Answer, TurnError> {
        let mut turn =
            Turn { agent: self, ask, cancel, recorder, listener, addresses: addresses(ask), opening: vec![] };
        turn.run().inspect_err(|error| {
            let message = error.to_string();
            if let Err(error) = turn.recorder.record(Step::Failed { message: message.clone() }) {
                tracing::warn!(%error, "a failed turn could not be kept");
            }
            turn.listener.hear(TurnEvent::Failed { message });
        })
    }

    /// The tools that the model is offered.
    fn tools(&self, web: WebUse) -> Vec<Box<dyn Tool>> {
        let all: [Box<dyn Tool>; 5] = [
            Box::new(SearchCode(self.knowledge.clone())),
            Box::new(ReadFile(self.knowledge.clone())),
            Box::new(WebSearch(self.web.clone())),
            Box::new(FetchPage(self.web.clone())),
            Box::new(Remember(self.rules.clone())),
        ];
        let outside = web != WebUse::Off;
        all.into_iter().filter(|tool| self.settings.tools && (outside || !tool.reaches_out())).collect()
    }
}

/// A turn on its way.
pub(crate) struct Turn<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) ask: &'a Ask,
    pub(crate) cancel: &'a Cancel,
    pub(crate) recorder: &'a mut dyn Recorder,
    pub(crate) listener: &'a mut dyn Listener,
    /// Web addresses that the user wrote or a search brought.
    pub(crate) addresses: HashSet<String>,
    /// What the answer begins with, whatever the model says.
    pub(crate) opening: Vec<Span>,
}

impl Turn<'_> {
    fn run(&mut self) -> Result<Answer, TurnError> {
        let offered = match taught(&self.ask.text) {
            Taught::Rule(rule) => return self.remember(&rule),
            Taught::Preferences(wishes) => self.offer(&wishes),
            Taught::Nothing => Vec::new(),
        };
        let judgement = self.judge();
        let tools = self.agent.tools(self.ask.web);
        let specs: Vec<_> = tools.iter().map(|tool| tool.spec()).collect();
        let parts = Parts { tools: &specs, ..self.gather(&judgement) };
        let agent = self.agent;
        let mut context = Context::build(parts, &*agent.model)?;
        self.gathered(judgement, &context, offered)?;
        let mut opening = self.resume(&mut context)?;

        let longest = agent.settings.max_tokens.unwrap_or(LONGEST.min(context.answer()).max(1));
        let steps = self.agent.settings.steps.max(1);
        for step in 1.. {
            let offered = if step < steps { &specs[..] } else { &[] };
            let prompt = Prompt {
                messages: context.messages(),
                tools: offered.to_vec(),
                choice: Choice::Auto,
                opening: std::mem::take(&mut opening),
                sampling: self.agent.settings.sampling,
                max_tokens: Some(longest),
            };
            let (message, end) = self.said(&prompt, step)?;
            if message.calls.is_empty() || step >= steps || self.cancel.is_set() {
                let (finish, cited) = (end.finish, context.cited(&message.text()));
                self.listener.hear(TurnEvent::Done { finish, cited, steps: step });
                return Ok(Answer { message, finish });
            }
            context.said(message.clone());
            for call in &message.calls {
                self.call(call, &tools, &mut context)?;
            }
        }
        unreachable!("the last step returns")
    }

    /// Takes up an answer that was broken off. Gives its text, which the model goes on with.
    fn resume(&mut self, context: &mut Context<'_>) -> Result<String, TurnError> {
        let ask = self.ask;
        let Some((open, before)) = ask.begun.split_last() else { return Ok(String::new()) };
        for message in before {
            match message.role {
                Role::Tool => context.returned(message.clone())?,
                _ => context.said(message.clone()),
            }
        }
        self.opening = open.spans.clone();
        Ok(open.text())
    }

    /// Keeps and tells what the answer is made from.
    fn gathered(
        &mut self,
        judgement: Judgement,
        context: &Context<'_>,
        offered: Vec<Rule>,
    ) -> Result<(), TurnError> {
        let (rules, sources, left_out) =
            (context.rules().to_vec(), context.sources().to_vec(), context.left_out());
        let (told, found) = (rules.clone(), sources.clone());
        let step =
            Step::Gathered { judgement, rules: told, sources: found, left_out, offered: offered.clone() };
        self.recorder.record(step)?;
        if !offered.is_empty() {
            self.listener.hear(TurnEvent::Offered { rules: offered });
        }
        self.listener.hear(TurnEvent::Rules { rules });
        self.listener.hear(TurnEvent::Sources { sources });
        if !left_out.is_empty() {
            self.listener.hear(TurnEvent::LeftOut { left_out });
        }
        Ok(())
    }

    /// One answer of the model, told while it is made, and kept.
    fn said(&mut self, prompt: &Prompt, step: usize) -> Result<(Message, End), TurnError> {
        let model = &*self.agent.model;
        let origin = model.origin();
        let spans = std::mem::take(&mut self.opening);
        for Span { text, provenance, .. } in spans.clone() {
            self.listener.hear(TurnEvent::Text { text, origin: provenance });
        }
        let mut message = Message { role: Role::Assistant, spans, calls: Vec::new(), call_id: None };
        message.spans.push(Span::new("", origin));
        let (mut kept, mut lost) = (0, None);
        let end = model.ask(prompt, self.cancel, &mut |heard| match heard {
            Heard::Reading { done, total } => self.listener.hear(TurnEvent::Reading { done, total }),
            Heard::Call(call) => message.calls.push(call),
            Heard::Text(text) => {
                let so_far = message.spans.last_mut().expect("one was pushed");
                so_far.text.push_str(&text);
                let len = so_far.text.len();
                self.listener.hear(TurnEvent::Text { text, origin });
                if len >= kept + PARTIAL && lost.is_none() {
                    kept = len;
                    lost = self.recorder.record(Step::Partial { message: message.clone() }).err();
                    // Nobody should read on what is not kept.
                    lost.iter().for_each(|_| self.cancel.set());
                }
            }
        });
        message.spans.retain(|span| !span.text.is_empty());
        if let Some(error) = lost {
            return Err(error.into());
        }
        let End { finish, usage, timings } = match end {
            Ok(end) => end,
            Err(error) => {
                self.recorder.record(Step::Partial { message })?;
                return Err(error.into());
            }
        };
        let (name, kept) = (model.name().to_owned(), message.clone());
        self.recorder.record(Step::Said { message: kept, model: name, finish, usage, timings })?;
        self.listener.hear(TurnEvent::Answered { step, usage, timings });
        Ok((message, End { finish, usage, timings }))
    }

    /// Runs one call; its result is the next message, whatever it is.
    fn call(
        &mut self,
        call: &ToolCall,
        tools: &[Box<dyn Tool>],
        context: &mut Context<'_>,
    ) -> Result<(), TurnError> {
        let began = Instant::now();
        let view =
            View { project: self.ask.project.as_deref(), addresses: &self.addresses, web: self.ask.web };
        let output = if self.cancel.is_set() {
            Err(tools::ToolError("the turn was stopped".to_owned()))
        } else {
            tools::run(tools, call, &view, self.listener)
        };
        let ok = output.is_ok();
        let (spans, sources) = match output {
            Ok(Output::Found(found)) => context.number(found),
            Ok(Output::Text(text)) => (vec![Span::new(text, Provenance::Tool)], Vec::new()),
            Err(error) => (vec![Span::new(format!("Error: {error}"), Provenance::Tool)], Vec::new()),
        };
        let web = sources.iter().filter(|source: &&Source| source.origin == Provenance::Web);
        self.addresses.extend(web.map(|source| source.place.clone()));
        let message = Message { role: Role::Tool, spans, calls: Vec::new(), call_id: Some(call.id.clone()) };
        let text = message.text();
        let step = Step::Returned { message: message.clone(), ok, sources: sources.clone() };
        self.recorder.record(step)?;
        let ms = began.elapsed().as_secs_f64() * 1e3;
        self.listener.hear(TurnEvent::ToolResult { id: call.id.clone(), ok, text, ms });
        if !sources.is_empty() {
            self.listener.hear(TurnEvent::Sources { sources });
        }
        Ok(context.returned(message)?)
    }
}
