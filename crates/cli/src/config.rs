//! Where hone keeps its data, and the settings in it.
//!
//! A setting comes from the first of: flag, environment (both in `flags`), the project's `.hone/config.toml`,
//! the user's `config.toml`, default.

mod learn;

use crate::embedding::Embedding;
use anyhow::{Context, anyhow};
pub(crate) use learn::Learn;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What every command starts from.
#[derive(Clone)]
pub(crate) struct App {
    /// The data folder.
    pub(crate) home: PathBuf,
    /// What the configuration files say.
    pub(crate) config: Config,
    /// Say only what failed.
    pub(crate) quiet: bool,
    /// The embedding model, once it was needed.
    pub(crate) embedding: Arc<Embedding>,
}

/// The user's `config.toml`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The model that is used when none is named (`hone use`).
    pub(crate) model: Option<String>,
    /// Address of `hone serve`.
    pub(crate) host: Option<std::net::IpAddr>,
    /// Port of `hone serve`.
    pub(crate) port: Option<u16>,
    /// Key that clients of `hone serve` must send.
    pub(crate) api_key: Option<String>,
    /// More names that clients may use for `hone serve`.
    pub(crate) allowed_hosts: Option<Vec<String>>,
    /// Tokens that a conversation may hold.
    pub(crate) context: Option<u32>,
    /// Threads that compute.
    pub(crate) threads: Option<u32>,
    /// Answers that `hone serve` generates at once.
    pub(crate) parallel: Option<u32>,
    /// Instruction of `hone chat`.
    pub(crate) system: Option<String>,
    /// Randomness of `hone chat`.
    pub(crate) temperature: Option<f32>,
    /// Longest answer of `hone chat`.
    pub(crate) max_tokens: Option<u32>,
    /// When `hone serve` learns by itself.
    #[serde(default)]
    pub(crate) learn: Learn,
    /// Web search in conversations.
    #[serde(default)]
    pub(crate) web: Web,
    /// A model elsewhere that answers conversations instead of the one on this machine.
    pub(crate) remote: Option<Remote>,
    /// The index of the user's files.
    #[serde(default)]
    pub(crate) knowledge: Indexing,
}

/// `[web]`: who is asked. Without a key, an address or `tavily_keyless`, nobody is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Web {
    /// The order in which they are asked: `tavily`, `searxng`.
    pub(crate) providers: Option<Vec<String>>,
    /// Key of Tavily (`TAVILY_API_KEY`).
    pub(crate) tavily_key: Option<String>,
    /// Asks Tavily as a guest, without a key.
    pub(crate) tavily_keyless: bool,
    /// Address of Tavily, where it is another than its own.
    pub(crate) tavily_url: Option<String>,
    /// Address of an instance of SearXNG (`SEARXNG_URL`).
    pub(crate) searxng_url: Option<String>,
}

/// `[knowledge]`: where vectors are, and what the API may index.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Indexing {
    /// Where the vectors of passages are kept.
    pub(crate) store: VectorPlace,
    /// The base URL of the Chroma server: `http://127.0.0.1:8000`.
    pub(crate) url: Option<String>,
    /// Folders below which the API of `hone serve` may index; the user's own folder where it is left out.
    pub(crate) folders: Option<Vec<PathBuf>>,
}

/// Where vectors are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VectorPlace {
    /// In the index itself.
    #[default]
    Local,
    /// On a Chroma server.
    Chroma,
}

/// `[remote]`: a server that speaks the OpenAI API. Conversations go there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remote {
    /// Its base URL: `http://127.0.0.1:8080/v1`.
    pub(crate) url: String,
    /// The model's id there.
    pub(crate) model: String,
    /// Its key.
    pub(crate) key: Option<String>,
    /// Tokens that prompt and answer have together there.
    #[serde(default = "Remote::context")]
    pub(crate) context: u32,
}

impl Web {
    /// Who is asked, in this order.
    pub(crate) fn order(&self) -> Vec<String> {
        self.providers.clone().unwrap_or_else(|| vec!["tavily".to_owned(), "searxng".to_owned()])
    }
}

impl Remote {
    fn context() -> u32 {
        8192
    }
}

/// A project's `.hone/config.toml`. It comes with other people's code, so it may instruct the model and
/// nothing else: no model, no address, no key.
#[derive(Debug, Default, PartialEq, Deserialize)]
struct ProjectConfig {
    system: Option<String>,
    #[serde(flatten)]
    ignored: toml::Table,
}

impl App {
    /// Finds the data folder, makes it private, reads the settings.
    pub(crate) fn open(quiet: bool) -> anyhow::Result<App> {
        let home = home()?;
        make_private(&home)?;
        let mut config = user_config(&home.join("config.toml"))?;
        if let Some(path) = project_config(&std::env::current_dir()?, &home) {
            let project: ProjectConfig = parse(&path)?;
            for key in project.ignored.keys() {
                tracing::warn!("{}: `{key}` is ignored: a project may set `system` only", path.display());
            }
            config.system = project.system.or(config.system);
        }
        let embedding = Arc::new(Embedding::new(&home, config.threads));
        Ok(App { home, config, quiet, embedding })
    }

    /// The same for a server that changes settings: the user's own, and no project's.
    pub(crate) fn of_user(home: &Path) -> anyhow::Result<App> {
        let config = user_config(&home.join("config.toml"))?;
        let embedding = Arc::new(Embedding::new(home, config.threads));
        Ok(App { home: home.to_owned(), config, quiet: true, embedding })
    }

    /// The models on disk.
    pub(crate) fn library(&self) -> anyhow::Result<hub::Library> {
        Ok(hub::Library::open(&self.home.join("models"))?)
    }

    /// Conversations, rules, and all else that is kept.
    pub(crate) fn store(&self) -> anyhow::Result<store::Store> {
        Ok(store::Store::open(&self.home)?)
    }

    /// Adds to the audit log what a command has done already.
    pub(crate) fn note(&self, kind: &str, detail: serde_json::Value) {
        match self.store() {
            Ok(store) => store.audit().note(kind, detail),
            Err(error) => tracing::warn!("the audit log lacks `{kind}`: {error:#}"),
        }
    }

    /// Writes `model = NAME` (or takes the line out), leaving the rest of the file as it is.
    pub(crate) fn choose(&self, model: Option<&str>) -> anyhow::Result<()> {
        let path = self.home.join("config.toml");
        let text = read_if_there(&path)?.unwrap_or_default();
        let mut document: toml_edit::DocumentMut =
            text.parse().with_context(|| path.display().to_string())?;
        match model {
            Some(name) => document["model"] = toml_edit::value(name),
            None => drop(document.remove("model")),
        }
        replace(&path, &document.to_string()).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// `HONE_HOME`, or `.hone` in the user's home.
fn home() -> anyhow::Result<PathBuf> {
    let set = std::env::var_os("HONE_HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = match set {
        Some(home) => home,
        None => std::env::home_dir().ok_or_else(|| anyhow!("no home folder: set HONE_HOME"))?.join(".hone"),
    };
    std::path::absolute(&home).with_context(|| format!("HONE_HOME={}", home.display()))
}

/// Chats, keys and models are nobody else's business: the folder is 0700, and every file that this process
/// makes is 0600.
fn make_private(home: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot make the data folder {}: set HONE_HOME to another place", home.display());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        fs::create_dir_all(home).with_context(failed)?;
        if fs::metadata(home).with_context(failed)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(home, fs::Permissions::from_mode(0o700)).with_context(failed)?;
        }
    }
    #[cfg(not(unix))]
    fs::create_dir_all(home).with_context(failed)?;
    Ok(())
}

fn user_config(path: &Path) -> anyhow::Result<Config> {
    if !path.exists() {
        return Ok(Config::default());
    }
    let config: Config = parse(path)?;
    config.learn.check().with_context(|| format!("{} is not valid", path.display()))?;
    Ok(config)
}

/// The nearest `.hone/config.toml` at or above `folder`, where it is not the user's own.
fn project_config(folder: &Path, home: &Path) -> Option<PathBuf> {
    let hone = folder.ancestors().map(|a| a.join(".hone")).find(|hone| hone.join("config.toml").is_file())?;
    (hone != home).then(|| hone.join("config.toml"))
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))
}

fn read_if_there(path: &Path) -> std::io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Old contents or new contents, never half of them.
pub(crate) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let part = path.with_extension("toml.part");
    let mut file = fs::File::create(&part)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_may_instruct_and_nothing_else() {
        let text = "system = 'Use tabs.'\nhost = '0.0.0.0'\napi_key = 'x'\nmodel = 'other'\n";
        let project: ProjectConfig = toml::from_str(text).unwrap();
        assert_eq!(project.system.as_deref(), Some("Use tabs."));
        let mut ignored: Vec<_> = project.ignored.keys().collect();
        ignored.sort();
        assert_eq!(ignored, ["api_key", "host", "model"]);
    }

    #[test]
    fn an_unknown_setting_is_an_error_that_names_it() {
        let error = toml::from_str::<Config>("modle = 'x'").unwrap_err().to_string();
        assert!(error.contains("modle"), "{error}");
    }

    #[test]
    fn choosing_keeps_the_rest_of_the_file() {
        let home = tempfile::tempdir().unwrap();
        let embedding = Arc::new(Embedding::new(home.path(), None));
        let app = App { home: home.path().into(), config: Config::default(), quiet: true, embedding };
        let path = home.path().join("config.toml");
        fs::write(&path, "# mine\nport = 80 # low\n").unwrap();
        app.choose(Some("tiny")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\nport = 80 # low\nmodel = \"tiny\"\n");
        app.choose(None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\nport = 80 # low\n");
    }

    #[test]
    fn the_nearest_project_counts_and_the_users_own_folder_is_no_project() {
        let root = tempfile::tempdir().unwrap();
        let (outer, inner) = (root.path().join(".hone"), root.path().join("a/.hone"));
        for hone in [&outer, &inner] {
            fs::create_dir_all(hone).unwrap();
            fs::write(hone.join("config.toml"), "").unwrap();
        }
        let below = root.path().join("a/b/c");
        let nowhere = Path::new("/nowhere");
        assert_eq!(project_config(&below, nowhere), Some(inner.join("config.toml")));
        assert_eq!(project_config(&root.path().join("d"), nowhere), Some(outer.join("config.toml")));
        assert_eq!(project_config(&root.path().join("d"), &outer), None);
    }
}
