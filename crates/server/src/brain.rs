//! What answers in conversations besides the model: the store, the index, the rules, the web.

use agent::intent::Judging;
use agent::model::Model;
use agent::seam::{Judge, Knowledge, Rules, Web};
use agent::{Agent, Settings};
use std::path::PathBuf;
use std::sync::Arc;
use store::Store;

/// The parts of the agent, as the program has wired them.
#[derive(Clone)]
pub struct Brain {
    /// Conversations, rules, feedback.
    pub store: Store,
    /// Judges messages.
    pub judge: Arc<dyn Judge>,
    /// Takes corrections of what was judged.
    pub judging: Arc<Judging>,
    /// Finds passages of the indexed folders.
    pub knowledge: Arc<dyn Knowledge>,
    /// The index itself, for those who look into it.
    pub index: Arc<knowledge::Knowledge>,
    /// Folders below which clients may index.
    pub folders: Vec<PathBuf>,
    /// The taught rules.
    pub rules: Arc<dyn Rules>,
    /// Searches and pages.
    pub web: Arc<dyn Web>,
    /// A model elsewhere that answers instead of the engine.
    pub remote: Option<Arc<dyn Model>>,
    /// How turns are done.
    pub settings: Settings,
}

impl Brain {
    /// The agent, with this model.
    pub(crate) fn agent(&self, model: Arc<dyn Model>, settings: Settings) -> Agent {
        let Brain { judge, knowledge, rules, web, .. } = self.clone();
        Agent { model, judge, knowledge, rules, web, settings }
    }
}
