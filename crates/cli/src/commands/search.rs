//! `hone search`: passages of the indexed folders, with the reasons for their rank.

use crate::config::App;
use crate::flags::{FindBy, Search};
use crate::knowing;
use crate::output::{harmless, print, print_json};
use anyhow::Context;
use knowledge::passage::{Hit, Why};
use knowledge::search::{By, Query};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Lines of a passage that are shown.
const SHOWN: usize = 6;

pub(crate) fn run(app: &App, flags: &Search) -> anyhow::Result<ExitCode> {
    let knowledge = knowing::open(app)?;
    if let Some(file) = &flags.questions {
        let questions = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        for question in questions.lines().filter(|line| !line.trim().is_empty()) {
            let hits = knowledge.search(&query(question, flags))?.hits;
            print(&(serde_json::to_string(&hits)? + "\n"))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let answer = knowledge.search(&query(&flags.text.join(" "), flags))?;
    if let Some(note) = answer.note.filter(|_| !app.quiet) {
        eprintln!("{note}");
    }
    if flags.json {
        print_json(&answer.hits)?;
    } else if answer.hits.is_empty() {
        let empty = knowledge.roots()?.is_empty();
        eprintln!("{}", if empty { "Nothing is indexed yet: hone index add PATH" } else { "Nothing found." });
    } else {
        print(&answer.hits.iter().map(shown).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn query<'a>(text: &'a str, flags: &'a Search) -> Query<'a> {
    let by = match flags.by {
        FindBy::Both => By::Both,
        FindBy::Words => By::Words,
        FindBy::Vectors => By::Vectors,
    };
    Query { text, count: flags.number as usize, project: flags.project.as_deref(), by }
}

/// `path:line`, what it is, why it is here, and its first lines.
fn shown(hit: &Hit) -> String {
    let passage = &hit.passage;
    let path = Path::new(&passage.root).join(&passage.path);
    let name = passage.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let mut text = format!("{}:{}  {}{name}\n", path.display(), passage.lines.0, passage.kind);
    let _ = writeln!(text, "    because of {}", reasons(&hit.why));
    for line in passage.text.lines().filter(|line| !line.trim().is_empty()).take(SHOWN) {
        let _ = writeln!(text, "    {}", line.chars().take(110).collect::<String>());
    }
    harmless(&text)
}

fn reasons(why: &Why) -> String {
    let words = why.words.map(|place| format!("its words (place {place}: {})", why.matched.join(", ")));
    let meaning = why.vectors.zip(why.similarity);
    let meaning = meaning.map(|(place, similarity)| format!("its meaning (place {place}, {similarity:.2})"));
    [words, meaning].into_iter().flatten().collect::<Vec<_>>().join(" and ")
}
