//! Help, exit codes, settings.

use crate::support::{Hone, finish};
use std::fs;

#[test]
fn no_arguments_print_help() {
    let help = Hone::new().ok(&[]);
    let commands =
        ["pull", "list", "show", "rm", "use", "chat", "serve", "data", "bench", "adapter", "doctor"];
    for command in commands {
        assert!(
            help.lines().any(|l| l.trim_start().starts_with(&format!("{command} "))),
            "{command}: {help}"
        );
    }
}

#[test]
fn wrong_usage_is_2_and_says_so_on_standard_error() {
    let hone = Hone::new();
    for wrong in [
        &["fly"][..],
        &["list", "--jsn"],
        &["serve", "--port", "99999"],
        &["chat", "-p"],
        &["bench", "--repeat", "0"],
        &["rm"],
        &["-q", "-v", "list"],
    ] {
        let said = hone.fails(2, wrong);
        assert!(said.contains("error:"), "{wrong:?}: {said}");
    }
}

#[test]
fn the_version_is_the_crates() {
    assert_eq!(Hone::new().ok(&["--version"]), format!("hone {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_broken_config_is_named() {
    let hone = Hone::new();
    fs::create_dir_all(hone.home()).unwrap();
    fs::write(hone.home().join("config.toml"), "port = 'no'\n").unwrap();
    let said = hone.fails(1, &["list"]);
    assert!(said.contains("config.toml") && said.contains("port"), "{said}");
}

#[test]
fn the_data_folder_that_cannot_be_made_is_an_error() {
    let hone = Hone::new();
    fs::write(hone.folder.path().join("home"), "a file").unwrap();
    let said = hone.fails(1, &["list"]);
    assert!(said.contains("HONE_HOME"), "{said}");
}

#[test]
fn flag_before_environment_before_config() {
    let hone = Hone::with_model();
    for name in ["qwen2", "qwen3"] {
        hone.ok(&["pull", crate::support::tiny(name).to_str().unwrap()]);
    }
    let model = |flags: &[&str], environment: Option<&str>| {
        let args = [&["chat", "-p", "hi", "--json", "--max-tokens", "1"], flags].concat();
        let mut command = hone.command(&args);
        command.envs(environment.map(|m| ("HONE_MODEL", m)));
        let answer: serde_json::Value = serde_json::from_str(&finish(command).stdout).unwrap();
        answer["model"].as_str().unwrap().to_string()
    };
    assert_eq!(model(&[], None), "llama");
    assert_eq!(model(&[], Some("qwen2")), "qwen2");
    assert_eq!(model(&["--model", "qwen3"], Some("qwen2")), "qwen3");
}

#[test]
fn a_project_may_instruct_and_not_configure() {
    let hone = Hone::with_model();
    let prompt_tokens = || {
        let answer = hone.json(&["chat", "-p", "hi", "--json", "--max-tokens", "1"]);
        answer["usage"]["prompt_tokens"].as_u64().unwrap()
    };
    let before = prompt_tokens();
    fs::create_dir(hone.folder.path().join(".hone")).unwrap();
    let config = hone.folder.path().join(".hone/config.toml");

    fs::write(&config, "system = 'Answer in one word.'\n").unwrap();
    assert!(prompt_tokens() > before);

    fs::write(&config, "model = 'qwen2'\napi_key = 'x'\nhost = '0.0.0.0'\n").unwrap();
    let run = hone.run(&["chat", "-p", "hi", "--json", "--max-tokens", "1"]);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["model"], "llama");
    assert!(
        run.stderr.contains("`model` is ignored") && run.stderr.contains("`api_key` is ignored"),
        "{run:?}"
    );
}

#[cfg(unix)]
#[test]
fn the_data_folder_is_private() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let hone = Hone::with_model();
    fs::set_permissions(hone.home(), fs::Permissions::from_mode(0o755)).unwrap();
    hone.ok(&["list"]);
    let mut paths = vec![hone.home()];
    while let Some(path) = paths.pop() {
        let meta = fs::metadata(&path).unwrap();
        // An imported model may be a link to the user's own file, which keeps its mode; its folder is closed.
        let linked = meta.is_file() && meta.nlink() > 1;
        assert!(linked || meta.permissions().mode() & 0o077 == 0, "{} is open to others", path.display());
        if meta.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
