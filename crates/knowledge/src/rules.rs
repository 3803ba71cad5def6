//! Which rules hold for a question, in which order: those that the user has taught, then those that the project brings
//! along in `AGENTS.md` and `.hone/rules/*.md`.
//!
//! The files come with other people's code. They are read anew for each question, up to a limit, and never become the
//! user's own rules.

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use store::{Rule, RuleState, Store, StoreError};

/// A rule that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applying {
    /// Its id in the store, or the file that it is from: `AGENTS.md`, `.hone/rules/style.md`.
    pub id: String,
    /// What it says.
    pub text: String,
    /// Who says it.
    pub source: Source,
}

/// Who says a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The user.
    Taught,
    /// A file of the project.
    Project,
}

/// What is read of one file, in bytes.
pub const FILE_LIMIT: usize = 16 << 10;
/// What is read of all files together, in bytes.
pub const PROJECT_LIMIT: usize = 48 << 10;
/// Files of `.hone/rules` that are read.
const MOST_FILES: usize = 32;

/// The rules that hold, the most important first: taught ones by how narrow their scope is (files, project,
/// everywhere), of these the newest first; then the project's. `project` is a folder; `files` are paths in it that the
/// question is about, with `/`. A rule for certain files holds only where one of them is named.
pub fn applying(
    store: &Store,
    project: Option<&Path>,
    files: &[String],
) -> Result<Vec<Applying>, StoreError> {
    let mut taught = store.rules().list(&[RuleState::Active])?;
    taught.retain(|rule| holds(rule, project, files));
    taught.reverse();
    taught.sort_by_key(|rule| (rule.scope.files.is_none(), rule.scope.project.is_none()));
    let applying = |rule: Rule| Applying { id: rule.id.to_string(), text: rule.text, source: Source::Taught };
    let mut rules: Vec<Applying> = taught.into_iter().map(applying).collect();
    rules.extend(project.map(of_project).unwrap_or_default());
    Ok(rules)
}

fn holds(rule: &Rule, project: Option<&Path>, files: &[String]) -> bool {
    let in_project = match (&rule.scope.project, project) {
        (None, _) => true,
        (Some(scope), Some(project)) => project.starts_with(scope),
        (Some(_), None) => false,
    };
    let for_files = rule.scope.files.as_ref().is_none_or(|pattern| {
        matcher(pattern).is_ok_and(|matcher| files.iter().any(|file| matcher.is_match(file)))
    });
    in_project && for_files
}

/// Says what is wrong with a pattern of files.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    if pattern.trim().is_empty() || pattern.len() > 500 {
        return Err("a pattern has between 1 and 500 characters".into());
    }
    matcher(pattern).map(drop)
}

/// As in `.gitignore`: a pattern without `/` means files of that name in any folder.
fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let anywhere =
        if pattern.contains('/') { pattern.trim_start_matches('/').into() } else { format!("**/{pattern}") };
    let glob = GlobBuilder::new(&anywhere).literal_separator(true).build();
    Ok(glob.map_err(|error| error.kind().to_string())?.compile_matcher())
}

/// Words of a text that look like files: `src/main.rs`, `app.py`. At most 32.
pub fn files_named(text: &str) -> Vec<String> {
    let outside = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '\\'));
    let mut files: Vec<String> = Vec::new();
    for word in text.split(outside) {
        let word = word.trim_matches('.').trim_start_matches('/').replace('\\', "/");
        let ending = word.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
        let is_file = ending.is_some_and(|(name, ending)| {
            let letters =
                ending.chars().all(char::is_alphanumeric) && ending.chars().any(char::is_alphabetic);
            // `e.g.` is no file.
            let named = name.chars().count() > 1 || word.contains('/');
            named && (1..=8).contains(&ending.len()) && letters
        });
        if is_file && !files.contains(&word) && files.len() < 32 {
            files.push(word);
        }
    }
    files
}

/// The rules in the files of a project; what cannot be read is left out.
pub fn of_project(folder: &Path) -> Vec<Applying> {
    let Ok(root) = folder.canonicalize() else { return Vec::new() };
    let mut paths = vec![PathBuf::from("AGENTS.md")];
    let listed = fs::read_dir(root.join(".hone/rules")).into_iter().flatten().flatten();
    let mut names: Vec<String> = listed.filter_map(|file| file.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".md"));
    names.sort();
    paths.extend(names.into_iter().take(MOST_FILES).map(|name| Path::new(".hone/rules").join(name)));
    let mut left = PROJECT_LIMIT;
    let mut rules = Vec::new();
    for path in paths {
        let Some(text) = read(&root, &path, left.min(FILE_LIMIT)) else { continue };
        left -= text.len();
        let id = path.to_string_lossy().replace('\\', "/");
        rules.push(Applying { id, text, source: Source::Project });
    }
    rules
}

/// The beginning of a regular file that is in the project itself, as visible text; `None` where there is nothing in it.
fn read(root: &Path, path: &Path, limit: usize) -> Option<String> {
    let path = root.join(path).canonicalize().ok()?; // a link may lead out of the project
    if !path.starts_with(root) || !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(&path).ok()?.take(limit as u64).read_to_end(&mut bytes).ok()?;
    // The limit may be in the middle of a character.
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text: String = text.chars().filter(|&c| is_visible(c)).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What a reader of the file would not see could instruct the model behind the reader's back.
fn is_visible(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}');
    !hidden && (!c.is_control() || matches!(c, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{NewRule, Scope};

    fn scope(project: Option<&str>, files: Option<&str>) -> Scope {
        Scope { project: project.map(String::from), files: files.map(String::from) }
    }

    fn texts(rules: &[Applying]) -> Vec<&str> {
        rules.iter().map(|rule| rule.text.as_str()).collect()
    }

    #[test]
    fn narrow_rules_come_first_and_only_where_they_hold() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let teach = |text: &str, scope| store.rules().add(NewRule { scope, ..NewRule::typed(text) }).unwrap();
        teach("everywhere", scope(None, None));
        teach("newer", scope(None, None));
        teach("project", scope(Some("/src/app"), None));
        teach("python", scope(None, Some("*.py")));
        teach("tests", scope(Some("/src/app"), Some("tests/**/*.py")));
        store.rules().add(NewRule { state: RuleState::Draft, ..NewRule::typed("draft") }).unwrap();
        let files = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let ask = |project: Option<&str>, named: &[&str]| {
            let rules = applying(&store, project.map(Path::new), &files(named)).unwrap();
            texts(&rules).iter().map(|text| text.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ask(None, &[]), ["newer", "everywhere"]);
        assert_eq!(ask(Some("/src/app/web"), &["a.js"]), ["project", "newer", "everywhere"]);
        let all = ["tests", "python", "project", "newer", "everywhere"];
        assert_eq!(ask(Some("/src/app"), &["tests/unit/a.py"]), all);
        assert_eq!(ask(Some("/src/application"), &["src/a.py"]), ["python", "newer", "everywhere"]);
    }

    #[test]
    fn a_project_brings_rules_along() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs::create_dir_all(project.join(".hone/rules")).unwrap();
        fs::write(project.join("AGENTS.md"), "Use \u{202e}tabs.\u{e0041}\u{1b}[2J\n").unwrap();
        fs::write(project.join(".hone/rules/b.md"), "é".repeat(FILE_LIMIT)).unwrap();
        fs::write(project.join(".hone/rules/a.md"), "First.").unwrap();
        fs::write(project.join(".hone/rules/c.txt"), "no").unwrap();
        fs::write(project.join(".hone/rules/d.md"), b"\xff\xfe binary").unwrap();
        fs::write(folder.path().join("outside.md"), "secret").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("outside.md"), project.join(".hone/rules/e.md"))
            .unwrap();
        let rules = of_project(&project);
        let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, ["AGENTS.md", ".hone/rules/a.md", ".hone/rules/b.md"]);
        assert_eq!((rules[0].text.as_str(), rules[0].source), ("Use tabs.[2J", Source::Project));
        assert_eq!(rules[2].text.len(), FILE_LIMIT, "long files are cut");
        for n in 0..40 {
            fs::write(project.join(format!(".hone/rules/x{n:02}.md")), "y".repeat(FILE_LIMIT)).unwrap();
        }
        let all: usize = of_project(&project).iter().map(|rule| rule.text.len()).sum();
        assert!(all <= PROJECT_LIMIT, "{all}");
        assert_eq!(of_project(&folder.path().join("nowhere")), []);
    }

    #[test]
    fn files_are_recognised_in_questions() {
        let text = "Why does `src/app/main.rs:12` panic, and tests\\a_b.py? See v1.2, e.g. /etc/hosts.conf... main.rs";
        assert_eq!(files_named(text), ["src/app/main.rs", "tests/a_b.py", "etc/hosts.conf", "main.rs"]);
    }

    #[test]
    fn bad_patterns_are_named() {
        for pattern in ["", "[", "{a", &"x".repeat(501)] {
            assert!(check_pattern(pattern).is_err(), "{pattern}");
        }
        assert!(check_pattern("src/**/*.{ts,tsx}").is_ok());
    }
}
