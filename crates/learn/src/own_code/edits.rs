//! Changes out of a project's history: what the commit says, what was there, what is there now.

/// A change of one place in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Below the project's folder.
    pub path: String,
    /// The first line of the commit's message.
    pub subject: String,
    /// The place before, with some lines around.
    pub before: String,
    /// The same place afterwards.
    pub after: String,
}

/// What stands before the subject of each commit in the output of `git log`.
const MARK: &str = "\u{1}commit ";
/// Lines of a change that is worth it.
const LINES: std::ops::RangeInclusive<usize> = 2..=60;

/// Reads `git log --patch --format=format:%x01commit %s`: one edit for each hunk. Files that came or went are none.
pub fn edits(log: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    let (mut subject, mut path) = (String::new(), None);
    let mut hunk: Option<Edit> = None;
    for line in log.lines() {
        let body = hunk.is_some() && matches!(line.as_bytes().first(), Some(b' ' | b'+' | b'-' | b'\\'));
        if let (true, Some(edit)) = (body, &mut hunk) {
            let (sign, text) = line.split_at(line.len().min(1));
            for (signs, side) in [(" -", &mut edit.before), (" +", &mut edit.after)] {
                if signs.contains(sign) {
                    side.push_str(text);
                    side.push('\n');
                }
            }
            continue;
        }
        edits.extend(hunk.take().filter(is_worth_it));
        if let Some(text) = line.strip_prefix(MARK) {
            (subject, path) = (text.trim().to_owned(), None);
        } else if let Some(new) = line.strip_prefix("+++ ") {
            path = new.strip_prefix("b/").map(str::to_owned);
        } else if let (true, Some(path)) = (line.starts_with("@@ "), &path) {
            let (before, after) = (String::new(), String::new());
            hunk = Some(Edit { path: path.clone(), subject: subject.clone(), before, after });
        }
    }
    edits.extend(hunk.filter(is_worth_it));
    edits
}

fn is_worth_it(edit: &Edit) -> bool {
    let told = edit.subject.split_whitespace().count() >= 3 && !edit.subject.starts_with("Merge ");
    told && edit.before != edit.after
        && [&edit.before, &edit.after].iter().all(|text| LINES.contains(&text.lines().count()))
}

/// The change as a question and its answer.
pub(super) fn pair(edit: &Edit) -> Option<(String, String)> {
    let Edit { path, subject, before, after } = edit;
    let word = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let question = format!("Change this part of {path}: {subject}\n\n```{word}\n{before}```");
    Some((question, format!("```{word}\n{after}```")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_of_a_log_are_read() {
        let log = "\u{1}commit Give the sum back\ndiff --git a/a.rs b/a.rs\nindex 1..2 100644\n--- a/a.rs\n+++ b/a.rs\n@@ -1,3 +1,3 @@ fn x\n fn a() {\n-    1\n+    2\n }\n@@ -9,2 +9,2 @@\n one\n-two\n+--- three\n\u{1}commit Add a new file\ndiff --git a/b.rs b/b.rs\n--- /dev/null\n+++ b/b.rs\n@@ -0,0 +1,2 @@\n+x\n+y\n";
        let found = edits(log);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            (found[0].before.as_str(), found[0].after.as_str()),
            ("fn a() {\n    1\n}\n", "fn a() {\n    2\n}\n")
        );
        assert_eq!((found[1].before.as_str(), found[1].after.as_str()), ("one\ntwo\n", "one\n--- three\n"));
        assert!(found.iter().all(|edit| edit.path == "a.rs" && edit.subject == "Give the sum back"));
    }
}
