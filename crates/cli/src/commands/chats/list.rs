//! `hone chats list`.

use crate::flags::ChatsList;
use crate::output::{self, harmless};
use store::{ChatFilter, Store};

pub(super) fn run(store: &Store, flags: &ChatsList) -> anyhow::Result<()> {
    let project = flags.project.as_ref().map(std::path::absolute).transpose()?;
    let project = project.map(|folder| folder.to_string_lossy().into_owned());
    let chats = store.chats().list(&ChatFilter { project, limit: flags.limit, ..ChatFilter::default() })?;
    if flags.json {
        return output::print_json(&chats);
    }
    if chats.is_empty() {
        eprintln!("no conversations yet; hone chat begins one");
        return Ok(());
    }
    let mut rows = vec![["ID", "UPDATED", "MODEL", "TITLE"].map(String::from).to_vec()];
    for chat in &chats {
        let updated = chat.updated.to_string().replace('T', " ");
        let title = if chat.title.is_empty() { "(nothing said)" } else { &chat.title };
        rows.push(vec![
            chat.id.short(),
            updated.chars().take(16).collect(),
            harmless(chat.model.as_deref().unwrap_or("-")),
            format!("{}{}", if chat.pinned { "* " } else { "" }, harmless(title)),
        ]);
    }
    Ok(output::print(&output::table(&rows))?)
}
