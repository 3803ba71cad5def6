//! Runs the program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A data folder that is deleted in the end, and the program that uses it.
pub(crate) struct Hone {
    pub(crate) folder: tempfile::TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Hone {
    pub(crate) fn new() -> Hone {
        Hone { folder: tempfile::tempdir().unwrap() }
    }

    /// With the tiny model pulled, as `tiny`'s file name says.
    pub(crate) fn with_model() -> Hone {
        let hone = Hone::new();
        hone.ok(&["pull", tiny("llama").to_str().unwrap()]);
        hone
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The program in an empty folder, without the settings of whoever runs the tests.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hone"));
        let ours = |name: &str| ["HONE_", "HF_"].iter().any(|prefix| name.starts_with(prefix));
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("HONE_HOME", self.home())
            .env("HONE_OFFLINE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        finish(self.command(args))
    }

    /// Runs with this on standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Run {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Run::from(child.wait_with_output().unwrap())
    }

    /// Standard output of a run that must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
        run.stdout
    }

    /// The JSON of a run that must succeed.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let text = self.ok(args);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
    }

    /// What a run that must fail with `code` says on standard error. It says nothing else.
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        self.run(args).failed(code)
    }
}

impl Run {
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self.stderr
    }
}

impl From<std::process::Output> for Run {
    fn from(output: std::process::Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) fn finish(mut command: Command) -> Run {
    command.output().unwrap().into()
}

/// A tiny model with random weights.
pub(crate) fn tiny(name: &str) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/models");
    models.join(format!("{name}.gguf")).canonicalize().unwrap()
}

/// The starter model, where `HONE_TEST_MODEL` or `./test` has put it.
pub(crate) fn starter() -> Option<String> {
    let cached =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf");
    let path = std::env::var_os("HONE_TEST_MODEL").map_or(cached, PathBuf::from);
    if !path.is_file() {
        println!("skipped: no starter model; set HONE_TEST_MODEL");
        return None;
    }
    Some(path.to_str().unwrap().to_string())
}

/// Sends a signal by its name.
#[cfg(unix)]
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
    assert!(sent.success());
}
