//! `hone data fetch`: rows from anywhere become a set.

use super::{announce, place, sets_folder};
use crate::config::App;
use crate::flags::Fetch;
use crate::output::{self, Usage};
use crate::progress::Progress;
use anyhow::bail;
use hub::PullOptions;
use hub::dataset::{self, DataSource, HubData};
use learn::dataset::{Collector, Format, Manifest, Set, Shares, Source, SourceFile, file_sha256, split};
use std::path::PathBuf;

pub(super) fn run(app: &App, flags: &Fetch) -> anyhow::Result<()> {
    let shares = Shares { test: flags.test, ..Shares::default() };
    if let Err(error) = shares.check() {
        bail!(Usage(error.to_string()));
    }
    if flags.sources.is_empty() {
        return list(flags.json);
    }
    let format: Option<Format> = flags.format.as_deref().map(str::parse).transpose()?;
    let sources: Vec<DataSource> =
        flags.sources.iter().map(|source| dataset::resolve(source)).collect::<Result<_, _>>()?;
    let job = Job { app, flags, shares, format };
    let joined = flags.place.name.is_some() || flags.place.out.is_some();
    let mut sets = Vec::new();
    for group in sources.chunks(if joined { sources.len() } else { 1 }) {
        let set = job.make(group)?;
        announce(app, &set, flags.json)?;
        sets.push(set.manifest);
    }
    if flags.json { output::print_json(&sets) } else { Ok(()) }
}

struct Job<'a> {
    app: &'a App,
    flags: &'a Fetch,
    shares: Shares,
    format: Option<Format>,
}

/// Files of one source on this machine, each with the name that messages and the manifest call it.
struct Brought {
    source: Source,
    paths: Vec<PathBuf>,
}

impl Job<'_> {
    /// One set of all these sources.
    fn make(&self, sources: &[DataSource]) -> anyhow::Result<Set> {
        let flags = self.flags;
        let own = sources[0].name()?;
        let name = flags.place.name.as_deref().unwrap_or(&own);
        let (name, folder) = place(self.app, name, flags.place.out.as_deref())?;
        let mut collector = Collector::new(self.format);
        let mut described = Vec::new();
        for source in sources {
            let Brought { mut source, paths } = self.bring(source)?;
            for (path, file) in paths.iter().zip(&source.files) {
                let format = collector.add_file(path, &file.name)?;
                source.format = source.format.or(format);
            }
            described.push(source);
        }
        let (examples, report) = collector.finish()?;
        let parts = split(examples, self.shares, flags.seed)?;
        let manifest = Manifest::new(&name, flags.seed, Some(self.shares), described, report);
        Ok(Set::write(&folder, &parts, manifest)?)
    }

    fn bring(&self, source: &DataSource) -> anyhow::Result<Brought> {
        match source {
            DataSource::Catalog(entry) => {
                let mut brought = self.download(&entry.source())?;
                brought.source.license.get_or_insert_with(|| entry.license.clone());
                Ok(brought)
            }
            DataSource::Hub(source) => self.download(source),
            DataSource::File(path) => {
                let path = std::path::absolute(path)?;
                let (sha256, bytes) = file_sha256(&path)?;
                let name = path.display().to_string();
                let files = vec![SourceFile { name: name.clone(), bytes, sha256 }];
                Ok(Brought { source: described(name, files), paths: vec![path] })
            }
        }
    }

    fn download(&self, source: &HubData) -> anyhow::Result<Brought> {
        let cache = sets_folder(&self.app.home).join(".hub");
        let progress = Progress::new(self.app.quiet);
        let fetched = dataset::fetch(&cache, source, &PullOptions::from_env(), &progress)?;
        if !fetched.left_out.is_empty() && !self.app.quiet {
            let names = output::harmless(&fetched.left_out.join(", "));
            eprintln!("{source}: left out are {names}; name a file to take it: hf:{}/FILE", fetched.repo);
        }
        let (mut files, mut paths) = (Vec::new(), Vec::new());
        for file in fetched.files {
            files.push(SourceFile { name: file.name, bytes: file.bytes, sha256: file.sha256 });
            paths.push(file.path);
        }
        let revision = fetched.commit.parse().map(hub::resolve::Revision::Commit)?;
        let text = HubData { revision, ..source.clone() }.to_string();
        let revision = Some(fetched.commit);
        Ok(Brought { source: Source { revision, license: fetched.license, ..described(text, files) }, paths })
    }
}

fn described(source: String, files: Vec<SourceFile>) -> Source {
    Source { source, revision: None, license: None, format: None, weight: None, files }
}

/// The catalogue.
fn list(json: bool) -> anyhow::Result<()> {
    let entries = dataset::entries();
    if json {
        return output::print_json(&entries);
    }
    let mut rows = vec![["NAME", "LICENCE", "FROM", "WHAT IT IS"].map(String::from).to_vec()];
    for entry in entries {
        let from = format!("hf:{}", entry.repo);
        rows.push(vec![entry.name.to_string(), entry.license.clone(), from, entry.summary.clone()]);
    }
    let hint =
        "\nMake a set of one with: hone data fetch NAME (also hf:OWNER/REPO, or a path to a file of rows)\n";
    Ok(output::print(&(output::table(&rows) + hint))?)
}
