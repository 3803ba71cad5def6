//! What is said on standard error while a cycle lasts.

use crate::commands::train::Show as Training;
use learn::cycle::Event;
use learn::gate::Decision;

/// As `hone train` shows its run, with what comes before and after it.
pub(crate) struct Show(Training);

impl Show {
    pub(crate) fn new(quiet: bool) -> Show {
        Show(Training::new(quiet))
    }

    pub(crate) fn event(&self, event: &Event<'_>) {
        match event {
            Event::Replay(done, all) => {
                self.0
                    .say(&format!("The model answers general prompts, to stay what it is: {done} of {all}"));
            }
            Event::Remark(remark) => self.0.say(remark),
            Event::Begun(info, plan, done) => self.0.plan(plan, info, *done),
            Event::Train(event) => self.0.event(event),
            Event::Judging => {
                self.0.done();
                self.0.say("Judging it on examples that it has not seen");
            }
            Event::Judged(judgement) => {
                let said = match judgement.decision {
                    Decision::Promote => "passes",
                    Decision::Hold => "cannot be told yet",
                    Decision::Reject => "does not pass",
                };
                self.0.say(&format!("At {} of the change it {said}", judgement.scale));
            }
            Event::Retry(again) => self.0.say(&format!("Once more, {again}")),
        }
    }

    pub(crate) fn say(&self, text: &str) {
        self.0.say(text);
    }

    pub(crate) fn done(&self) {
        self.0.done();
    }
}
