//! Which crate may use which: the picture in ARCHITECTURE.md, held.

use crate::tree::Tree;
use anyhow::Context;

/// A crate of ours, and the crates of ours that it may name. `cli` wires everything and `xtask` uses nothing.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("kernels", &[]),
    ("engine", &["kernels"]),
    ("hub", &[]),
    ("store", &[]),
    ("knowledge", &["engine", "store"]),
    ("agent", &["knowledge", "engine", "store"]),
    ("remote", &["agent", "knowledge", "store"]),
    ("learn", &["engine", "store"]),
    ("server", &["agent", "knowledge", "learn", "engine", "store"]),
    ("cli", &["server", "remote", "agent", "knowledge", "learn", "engine", "kernels", "hub", "store"]),
    ("xtask", &[]),
];

/// What only these crates may know, by the libraries that give it away.
const ONLY_IN: [(&str, &[&str]); 9] = [
    ("axum", &["server"]),
    ("hyper", &["server"]),
    ("tower-http", &["server"]),
    ("utoipa", &["server"]),
    ("reqwest", &["hub", "remote"]),
    ("rusqlite", &["store"]),
    ("minijinja", &["engine"]),
    ("clap", &["cli"]),
    ("rustyline", &["cli"]),
];

/// Every dependency that crosses a line.
pub(crate) fn check(tree: &Tree) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in tree.ending("Cargo.toml").filter(|f| is_crate(&f.path)) {
        let manifest: toml::Table = file.text.parse().with_context(|| file.path.clone())?;
        let name = manifest["package"]["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = MAY_USE.iter().find(|(krate, _)| *krate == name) else {
            findings.push(format!("{}: crate `{name}` has no place in xtask/src/arrows.rs", file.path));
            continue;
        };
        // Tests may speak to the outside as a stranger would, so `[dev-dependencies]` are held to the
        // first table only.
        for dependency in names(&manifest, &["dependencies", "build-dependencies", "dev-dependencies"]) {
            if MAY_USE.iter().any(|(krate, _)| *krate == dependency)
                && !allowed.contains(&dependency.as_str())
            {
                findings.push(format!("{}: `{name}` may not use `{dependency}`", file.path));
            }
        }
        for dependency in names(&manifest, &["dependencies", "build-dependencies"]) {
            if let Some((_, owners)) = ONLY_IN.iter().find(|(library, _)| *library == dependency)
                && !owners.contains(&name)
            {
                let owners = owners.join("` and `");
                findings.push(format!("{}: only `{owners}` may use `{dependency}`", file.path));
            }
        }
    }
    Ok(findings)
}

fn is_crate(path: &str) -> bool {
    path.starts_with("crates/") && path.matches('/').count() == 2 || path == "xtask/Cargo.toml"
}

/// Dependency names of the given tables, those under `[target.*]` too.
fn names(manifest: &toml::Table, tables: &[&str]) -> Vec<String> {
    let targets = manifest.get("target").and_then(|t| t.as_table());
    let targets = targets.into_iter().flat_map(|t| t.values()).filter_map(|t| t.as_table());
    let mut names = Vec::new();
    for place in std::iter::once(manifest).chain(targets) {
        for table in tables {
            names.extend(
                place.get(*table).and_then(|t| t.as_table()).into_iter().flat_map(|t| t.keys().cloned()),
            );
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, manifest: &str) -> Vec<String> {
        check(&Tree::of(&[(path, manifest)])).unwrap()
    }

    #[test]
    fn the_arrow_of_the_picture_is_allowed() {
        let manifest = "[package]\nname='engine'\n[dependencies]\nkernels.workspace=true\nserde='1'\n";
        assert!(findings("crates/engine/Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn an_arrow_against_the_picture_is_found() {
        for table in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            let manifest = format!("[package]\nname='kernels'\n[{table}]\nengine.workspace=true\n");
            let found = findings("crates/kernels/Cargo.toml", &manifest);
            assert_eq!(found, ["crates/kernels/Cargo.toml: `kernels` may not use `engine`"], "{table}");
        }
    }

    #[test]
    fn http_outside_the_server_is_found() {
        let manifest = "[package]\nname='engine'\n[dependencies]\naxum='0.8'\n";
        let found = findings("crates/engine/Cargo.toml", manifest);
        assert_eq!(found, ["crates/engine/Cargo.toml: only `server` may use `axum`"]);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let found = findings("crates/extra/Cargo.toml", "[package]\nname='extra'\n");
        assert!(found[0].contains("`extra` has no place"), "{found:?}");
    }
}
