//! Examples of the user's own code: what may be learned from of an indexed project.

use crate::config::App;
use crate::knowing;
use anyhow::{Context, bail, ensure};
use knowledge::chunk::{Language, functions};
use knowledge::walk::Root;
use learn::dataset::Parts;
use learn::own_code::license::{License, is_license_file, of_head, of_text};
use learn::own_code::{Counts, Edit, File, Function, build, edits};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// Commits that are looked at, and the longest history, in bytes.
const HISTORY: (&str, u64) = ("-n2000", 64 << 20);

/// The examples of a project.
pub(crate) struct OwnCode {
    /// Its folder.
    pub(crate) folder: String,
    /// To learn from, and of files that are held out.
    pub(crate) parts: Parts,
    pub(crate) counts: Counts,
    /// Files that were left out, by the licence that is why.
    pub(crate) not_yours: BTreeMap<String, usize>,
    /// Of the project.
    pub(crate) license: Option<String>,
    /// The commit that is checked out.
    pub(crate) revision: Option<String>,
}

impl OwnCode {
    /// Reads a project that is indexed; with `mine` whatever its licences say.
    pub(crate) fn read(app: &App, folder: &Path, mine: bool) -> anyhow::Result<OwnCode> {
        let root = Root::open(folder)?;
        let known = knowing::open(app)?.roots()?.into_iter().any(|indexed| indexed.path == root.path());
        ensure!(known, "{0} is not indexed, so nothing is learned from it: hone index add {0}", root.path());
        let code = Code::read(&root, mine);
        let paths = |edit: &Edit| code.files.iter().any(|file| file.path == edit.path);
        let edits: Vec<Edit> = history(root.path(), mine)?.into_iter().filter(paths).collect();
        let (parts, counts) = build(&code.files, &edits);
        for (license, files) in code.not_yours.iter().filter(|_| !app.quiet) {
            eprintln!("{files} files are left out: {license}. --mine says that you may learn from them.");
        }
        ensure!(
            !parts.train.is_empty(),
            "nothing in {} is worth learning from: {} examples, {} secrets",
            root.path(),
            parts.valid.len(),
            counts.secrets
        );
        let Code { license, not_yours, .. } = code;
        let revision = revision(root.path());
        Ok(OwnCode { folder: root.path().to_owned(), parts, counts, not_yours, license, revision })
    }
}

/// The files of a project that may be learned from.
struct Code {
    files: Vec<File>,
    license: Option<String>,
    not_yours: BTreeMap<String, usize>,
}

impl Code {
    fn read(root: &Root, mine: bool) -> Code {
        let walk = root.walk();
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let folder =
            |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let mut licenses: BTreeMap<String, License> = BTreeMap::new();
        for file in walk.files.iter().filter(|file| is_license_file(&name(&file.path))) {
            let Ok(text) = root.read(&file.path) else { continue };
            let found = of_text(&text);
            // Of two licences in a folder (MIT or Apache) the freer one may be chosen.
            let entry = licenses.entry(folder(&file.path)).or_insert(found);
            if matches!(found, License::Permissive(_)) {
                *entry = found;
            }
        }
        let mut code = Code { files: Vec::new(), license: None, not_yours: BTreeMap::new() };
        code.license = licenses.get("").map(|license| spoken(*license).to_owned());
        for found in walk.files {
            let Some(language) = Language::of(&found.path) else { continue };
            let Ok(text) = root.read(&found.path) else { continue };
            let around =
                std::iter::successors(Some(folder(&found.path)), |at| (!at.is_empty()).then(|| folder(at)));
            let license =
                of_head(&text).or_else(|| around.into_iter().find_map(|at| licenses.get(&at).copied()));
            // A project without a licence is the user's: he has indexed it and asks for it by name.
            if let (Some(License::Restricted(why)), false) = (license, mine) {
                *code.not_yours.entry(why.to_owned()).or_default() += 1;
                continue;
            }
            let functions: Vec<Function> =
                functions(&found.path, &text).into_iter().filter_map(function).collect();
            code.files.push(File { path: found.path, language: language.name.to_owned(), functions });
        }
        code
    }
}

fn function(chunk: knowledge::chunk::Chunk) -> Option<Function> {
    Some(Function { name: chunk.name?, signature: chunk.signature.unwrap_or_default(), text: chunk.text })
}

fn spoken(license: License) -> &'static str {
    match license {
        License::Permissive(name) | License::Restricted(name) => name,
    }
}

/// The user's own commits; with `mine` everybody's. A folder without a history has none.
fn history(folder: &str, mine: bool) -> anyhow::Result<Vec<Edit>> {
    let Some(email) = git(folder, &["config", "user.email"], 1 << 10)? else { return Ok(Vec::new()) };
    let author = format!("--author={}", email.trim());
    let mut words = vec!["log", HISTORY.0, "--no-merges", "--patch", "--no-color", "--relative"];
    words.extend(["--no-ext-diff", "--no-textconv", "--format=format:%x01commit %s"]);
    if !mine && !email.trim().is_empty() {
        words.extend(["--fixed-strings", &author]);
    }
    Ok(git(folder, &words, HISTORY.1)?.map(|log| edits(&log)).unwrap_or_default())
}

fn revision(folder: &str) -> Option<String> {
    let text = git(folder, &["rev-parse", "HEAD"], 1 << 10).ok()??;
    Some(text.trim().to_owned()).filter(|text| text.len() >= 40)
}

/// What git says, up to so many bytes; nothing where there is no git or no repository.
fn git(folder: &str, words: &[&str], most: u64) -> anyhow::Result<Option<String>> {
    let mut command = Command::new("git");
    // A repository of somebody else must not start programs.
    command.args([
        "-C",
        folder,
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "--no-pager",
    ]);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return Ok(None) };
    let Some(out) = child.stdout.take() else { bail!("git has no output") };
    let mut text = Vec::new();
    out.take(most).read_to_end(&mut text).context("cannot read what git says")?;
    let cut = text.len() as u64 == most;
    if cut {
        let _ = child.kill(); // the newest commits are there
    }
    let status = child.wait().context("cannot wait for git")?;
    Ok((cut || status.success()).then(|| String::from_utf8_lossy(&text).into_owned()))
}
