//! A turn: judge, gather, ask, run tools, until there is an answer. Each step is kept as it happens.

use crate::agent::{Agent, Answer, Ask, Listener, Recorder, TurnError, WebUse};
use crate::context::{Context, Parts};
use crate::event::{Step, TurnEvent};
use crate::model::{Cancel, Choice, End, Heard, Message, Prompt, Role, ToolCall};
use crate::seam::{Intent, Judgement};
use crate::source::{Found, Source};
use crate::span::{Origin, Span};
use crate::tools::{self, FetchPage, Output, ReadFile, Remember, SearchCode, Tool, View, WebSearch};
use std::collections::HashSet;
use std::time::Instant;

/// Bytes of an answer after which it is kept again.
const PARTIAL: usize = 256;
/// Longest query of a web search, in characters.
const QUERY: usize = 400;

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
        let offered =
            |tool: &Box<dyn Tool>| self.settings.tools && (web != WebUse::Off || !tool.reaches_out());
        all.into_iter().filter(offered).collect()
    }
}

struct Turn<'a> {
    agent: &'a Agent,
    ask: &'a Ask,
    cancel: &'a Cancel,
    recorder: &'a mut dyn Recorder,
    listener: &'a mut dyn Listener,
    /// Web addresses that the user wrote or a search brought.
    addresses: HashSet<String>,
    /// What the answer begins with, whatever the model says.
    opening: Vec<Span>,
}

impl<'a> Turn<'a> {
    fn run(&mut self) -> Result<Answer, TurnError> {
        let judgement = self.judge();
        let tools = self.agent.tools(self.ask.web);
        let specs: Vec<_> = tools.iter().map(|tool| tool.spec()).collect();
        let parts = Parts { tools: &specs, ..self.gather(&judgement) };
        let agent = self.agent;
        let mut context = Context::build(parts, &*agent.model)?;
        self.gathered(judgement, &context)?;

        let steps = self.agent.settings.steps.max(1);
        for step in 1.. {
            let offered = if step < steps { &specs[..] } else { &[] };
            let prompt = Prompt {
                messages: context.messages(),
                tools: offered.to_vec(),
                choice: Choice::Auto,
                sampling: self.agent.settings.sampling,
                max_tokens: self.agent.settings.max_tokens,
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

    fn judge(&mut self) -> Judgement {
        let mut judgement = self.agent.judge.judge(&self.ask.text);
        let corrected = self.ask.intent.is_some();
        if let Some(intent) = self.ask.intent {
            let needs_code = judgement.needs_code || intent == Intent::Code;
            judgement = Judgement { intent, confidence: 1.0, needs_code };
        }
        self.listener.hear(TurnEvent::Intent { judgement, corrected });
        judgement
    }

    /// Everything that bears on the message. What cannot be had is told, and the turn goes on without it.
    fn gather(&mut self, judgement: &Judgement) -> Parts<'a> {
        let (agent, ask) = (self.agent, self.ask);
        let project = ask.project.as_deref();
        let rules = agent.rules.applying(&ask.text, project).unwrap_or_else(|error| {
            self.notice(format!("The taught rules could not be read: {error}"));
            Vec::new()
        });
        let mut passages = Vec::new();
        if judgement.needs_code {
            match agent.knowledge.search(&ask.text, project, agent.settings.passages) {
                Ok(hits) => passages = hits.into_iter().map(Found::from).collect(),
                Err(error) => self.notice(format!("The indexed code could not be searched: {error}")),
            }
        }
        let (mut web, mut notes) = (Vec::new(), Vec::new());
        if judgement.intent == Intent::Search {
            match self.search() {
                Ok(found) => web = found,
                Err(why) => {
                    // Said by hone itself, because a model may forget to.
                    let note = format!("The web search failed: {why}.");
                    self.opening = vec![Span::new(Origin::Tool, format!("{note}\n\n"))];
                    notes.push(note + " Answer from what you know, and say that you did not look it up.");
                }
            }
        }
        Parts {
            system: &agent.settings.system,
            rules,
            passages,
            web,
            notes,
            history: &ask.history,
            question: &ask.text,
            tools: &[],
            answer: agent.settings.max_tokens,
        }
    }

    fn search(&mut self) -> Result<Vec<Found>, String> {
        let words: Vec<&str> = self.ask.text.split_whitespace().collect();
        let query: String = words.join(" ").chars().take(QUERY).collect();
        let arguments = serde_json::json!({ "query": query });
        let call = ToolCall { id: "search".to_owned(), name: "web_search".to_owned(), arguments };
        if self.ask.web == WebUse::Off {
            return Err("the web is switched off for this conversation".to_owned());
        }
        self.listener.hear(TurnEvent::Searching { query: query.clone(), asks: self.ask.web == WebUse::Ask });
        if self.ask.web == WebUse::Ask && !self.listener.allows(&call) {
            return Err("you did not allow it".to_owned());
        }
        let answer =
            self.agent.web.search(&query, self.agent.settings.results).map_err(|error| error.to_string())?;
        answer.notices.into_iter().for_each(|text| self.notice(text));
        let found: Vec<Found> = answer.results.into_iter().map(Found::from).collect();
        self.addresses.extend(found.iter().map(|found| found.source.place.clone()));
        Ok(found)
    }

    fn notice(&mut self, text: String) {
        self.listener.hear(TurnEvent::Notice { text });
    }

    /// Keeps and tells what the answer is made from.
    fn gathered(&mut self, judgement: Judgement, context: &Context<'_>) -> Result<(), TurnError> {
        let (rules, sources, left_out) =
            (context.rules().to_vec(), context.sources().to_vec(), context.left_out());
        let step = Step::Gathered { judgement, rules: rules.clone(), sources: sources.clone(), left_out };
        self.recorder.record(step)?;
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
        for Span { origin, text } in spans.clone() {
            self.listener.hear(TurnEvent::Text { text, origin });
        }
        let mut message = Message { role: Role::Assistant, spans, calls: Vec::new(), call_id: None };
        message.spans.push(Span::new(origin, ""));
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
            Ok(Output::Text(text)) => (vec![Span::new(Origin::Tool, text)], Vec::new()),
            Err(error) => (vec![Span::new(Origin::Tool, format!("Error: {error}"))], Vec::new()),
        };
        let web = sources.iter().filter(|source: &&Source| source.origin == Origin::Web);
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

/// Web addresses in what the user wrote.
fn addresses(ask: &Ask) -> HashSet<String> {
    let before = ask.history.iter().flat_map(|message| &message.spans);
    let before = before.filter(|span| span.origin == Origin::User).map(|span| span.text.as_str());
    let words = before.chain([ask.text.as_str()]).flat_map(str::split_whitespace);
    let plain =
        words.map(|word| word.trim_matches(['(', ')', '<', '>', '"', '\'', '`', ',', '.', ';', '!', '?']));
    plain
        .filter(|word| word.starts_with("https://") || word.starts_with("http://"))
        .map(str::to_owned)
        .collect()
}
