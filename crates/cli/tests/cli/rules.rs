//! remember, rules list, edit, rm, accept.

use crate::support::Hone;
use serde_json::json;
use std::fs;

#[test]
fn a_rule_is_taught_once() {
    let hone = Hone::new();
    assert!(hone.ok(&["remember", "Always use TypeScript"]).starts_with("remembered: "));
    assert!(hone.ok(&["remember", "always", "use", "TypeScript."]).contains("known already"));
    let list = hone.ok(&["rules", "list"]);
    assert!(
        list.contains("active") && list.contains("everywhere") && list.contains("Always use TypeScript"),
        "{list}"
    );
    assert_eq!(hone.json(&["rules", "list", "--json"])["rules"].as_array().unwrap().len(), 1);
    assert!(hone.fails(2, &["remember", "x", "--files", "["]).contains("--files"));
    assert!(hone.fails(1, &["remember", " "]).contains("needs a text"));
}

#[test]
fn a_project_can_be_named() {
    let hone = Hone::new();
    let shop = hone.folder.path().join("shop");
    fs::create_dir_all(shop.join("src")).unwrap();
    fs::create_dir(shop.join(".git")).unwrap();
    hone.ok(&["remember", "Use tabs", "--project", "shop/src"]);
    let rule = &hone.json(&["rules", "list", "--json"])["rules"][0];
    let (text, project) = (rule["text"].as_str(), rule["project"].as_str().unwrap());
    assert_eq!((text, std::path::Path::new(project)), (Some("Use tabs"), &*shop.canonicalize().unwrap()));
    let said = hone.fails(2, &["remember", "x", "--project", "Use tabs"]);
    assert!(said.contains("there is no such folder"), "{said}");
    assert!(hone.fails(2, &["remember", "--project", "Use tabs"]).contains("<TEXT>"));
}

#[test]
fn the_newer_rule_wins_where_the_user_says_so() {
    let hone = Hone::new();
    hone.ok(&["remember", "Use tabs"]);
    let id = |n: usize| {
        let list = hone.json(&["rules", "list", "--all", "--json"]);
        list["rules"][n]["id"].as_str().unwrap().to_owned()
    };
    let states = || {
        let list = hone.json(&["rules", "list", "--all", "--json"]);
        list["rules"].as_array().unwrap().iter().map(|r| r["state"].clone()).collect::<Vec<_>>()
    };
    let run = hone.run(&["remember", "Use spaces"]);
    assert!(run.stdout.starts_with("kept as a draft"), "{run:?}");
    assert!(run.stderr.contains("contradicts") && run.stderr.contains("Use tabs"), "{run:?}");
    assert_eq!(states(), ["active", "draft"]);
    hone.ok(&["rules", "accept", &id(1)[28..], "--replace", &id(0)]);
    assert_eq!(states(), ["replaced", "active"]);
    let run = hone.run(&["remember", "Never use spaces", "--replace", &id(1)]);
    assert!(run.stdout.starts_with("remembered") && run.code == Some(0), "{run:?}");
    assert_eq!(states(), ["replaced", "replaced", "active"]);
    assert!(hone.ok(&["rules", "edit", &id(2), "Never", "use", "tabs"]).contains("Never use tabs"));
    hone.ok(&["rules", "rm", &id(0), &id(2)]);
    assert_eq!(states(), ["replaced"]);
    assert!(hone.fails(1, &["rules", "rm", "abcd1234"]).contains("there is no rule"));
}

#[test]
fn rules_have_a_place_and_projects_bring_their_own() {
    let hone = Hone::new();
    let project = hone.folder.path().join("app");
    fs::create_dir_all(project.join(".git")).unwrap();
    fs::create_dir_all(project.join("src")).unwrap();
    fs::write(project.join("AGENTS.md"), "Use \u{1b}[31mour words.\n").unwrap();
    let mut command = hone.command(&["remember", "Use 4 spaces", "--project", "--files", "*.py", "--json"]);
    let run = crate::support::finish({
        command.current_dir(project.join("src"));
        command
    });
    let said: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let root = project.canonicalize().unwrap();
    assert_eq!(
        (&said["rule"]["project"], &said["rule"]["files"]),
        (&json!(root.to_str().unwrap()), &json!("*.py"))
    );
    let mut command = hone.command(&["rules", "list"]);
    command.current_dir(&project);
    let list = crate::support::finish(command).stdout;
    assert!(list.contains("from the project, AGENTS.md: Use [31mour words."), "{list}");
    let id = said["rule"]["id"].as_str().unwrap();
    let everywhere = hone.json(&["rules", "edit", id, "--everywhere", "--json"]);
    assert!(everywhere["project"].is_null() && everywhere["files"].is_null(), "{everywhere}");
    assert!(!hone.home().join("AGENTS.md").exists());
    assert_eq!(hone.json(&["rules", "list", "--json"])["rules"].as_array().unwrap().len(), 1);
}
