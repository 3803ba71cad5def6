//! hone adapter: import, list, show, use, rollback, export, fuse, rm.

use crate::support::{Hone, tiny};
use engine::Model;
use engine::adapter::{Adapter, Layout, Lora, Target, Tensor};
use engine::gguf::Gguf;
use engine::model::Config;
use std::fs;
use std::path::{Path, PathBuf};

/// Hyperparameters of a tiny model.
fn config(name: &str) -> Config {
    Config::from_gguf(Gguf::open(&tiny(name)).unwrap().metadata()).unwrap()
}

/// Writes an adapter of a tiny model as another program would have.
fn made_elsewhere(hone: &Hone, model: &str, layout: Layout) -> PathBuf {
    let config = config(model);
    let mut adapter = Adapter::empty(config.layers);
    for target in [Target::Q, Target::K, Target::Down] {
        let (inputs, outputs) = target.shape(&config);
        let numbers = |n: usize| (0..n).map(|i| (i * 37 % 101) as f32 / 101.0 - 0.5).collect::<Vec<_>>();
        let a = Tensor::from_slice(2, inputs, &numbers(2 * inputs));
        let b = Tensor::from_slice(2, outputs, &numbers(2 * outputs));
        adapter.set(1, target, Lora { a, b, scale: 4.0 });
    }
    let path = hone.folder.path().join(format!("{model}-{}", layout.name()));
    layout.write(&path, &adapter, &config, None).unwrap();
    path
}

fn import(hone: &Hone, path: &Path, name: &str) -> String {
    let value = hone.json(&["adapter", "import", path.to_str().unwrap(), "--name", name, "--json"]);
    value["id"].as_str().unwrap().to_owned()
}

/// Names and ids in use.
fn in_use(hone: &Hone) -> Vec<String> {
    let list = hone.json(&["adapter", "list", "--json"]);
    let used = list.as_array().unwrap().iter().filter(|a| a["in_use"] == true);
    used.map(|a| a["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_life_of_an_adapter() {
    let hone = Hone::with_model();
    assert_eq!(hone.json(&["adapter", "list", "--json"]), serde_json::json!([]));
    let path = made_elsewhere(&hone, "llama", Layout::Peft);
    let said = hone.ok(&["adapter", "import", path.to_str().unwrap()]);
    assert!(said.contains("llama-peft") && said.contains("hone adapter use"), "{said}");
    let first = hone.json(&["adapter", "list", "--json"])[0]["id"].as_str().unwrap().to_owned();
    let second = import(&hone, &path, "second");
    assert!(in_use(&hone).is_empty());

    hone.ok(&["adapter", "use", &first]);
    hone.ok(&["adapter", "use", "second"]);
    assert_eq!(in_use(&hone), std::slice::from_ref(&second));
    let table = hone.ok(&["adapter", "list"]);
    assert!(table.lines().any(|l| l.starts_with('*') && l.contains("second")), "{table}");

    let back = hone.json(&["adapter", "rollback", "--json"]);
    assert_eq!((&back["from"], &back["to"]), (&second.clone().into(), &first.clone().into()));
    assert_eq!(in_use(&hone), std::slice::from_ref(&first));
    assert!(hone.fails(1, &["adapter", "rm", &first]).contains("--force"));
    hone.ok(&["adapter", "use", "base"]);
    assert!(in_use(&hone).is_empty());
    hone.ok(&["adapter", "rollback"]);
    assert_eq!(in_use(&hone), std::slice::from_ref(&first));
    assert!(hone.ok(&["adapter", "rollback"]).contains("without an adapter"));
    assert!(hone.fails(1, &["adapter", "rollback"]).contains("nothing to roll back"));

    hone.ok(&["adapter", "rm", &first]);
    hone.ok(&["adapter", "rm", "second"]);
    assert!(hone.fails(1, &["adapter", "show", "second"]).contains("second"));
}

#[test]
fn show_says_where_an_adapter_is_from_and_whether_it_is_intact() {
    let hone = Hone::with_model();
    let id = import(&hone, &made_elsewhere(&hone, "llama", Layout::Mlx), "style");
    let model = hone.json(&["show", "--json"]);
    let shown = hone.json(&["adapter", "show", "style", "--json"]);
    assert_eq!((&shown["id"], &shown["base"]["sha256"]), (&id.into(), &model["sha256"]));
    assert_eq!((&shown["base"]["name"], &shown["base"]["architecture"]), (&"llama".into(), &"llama".into()));
    assert_eq!((&shown["recipe"]["imported"]["format"], &shown["intact"]), (&"mlx".into(), &true.into()));
    assert!(hone.ok(&["adapter", "show", "style"]).contains("intact"));
    let file = shown["path"].as_str().unwrap();
    let mut bytes = fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file, bytes).unwrap();
    assert_eq!(hone.json(&["adapter", "show", "style", "--json"])["intact"], false);
    assert!(hone.fails(1, &["adapter", "use", "style"]).contains("damaged"));
}

#[test]
fn every_format_goes_out_and_comes_in_again() {
    let hone = Hone::with_model();
    let id = import(&hone, &made_elsewhere(&hone, "llama", Layout::Peft), "style");
    let file = |id: &str| fs::read(hone.home().join("adapters").join(id).join("adapter.gguf")).unwrap();
    for format in ["peft", "mlx", "gguf"] {
        let out = hone.folder.path().join(format!("out-{format}"));
        let out = out.to_str().unwrap();
        let said = hone.ok(&["adapter", "export", "style", "--format", format, "--out", out]);
        assert_eq!(said, format!("{out}\n"));
        let again = import(&hone, Path::new(out), "style");
        assert!(file(&again) == file(&id), "{format}");
        let said = hone.fails(1, &["adapter", "export", "style", "--format", format, "--out", out]);
        assert!(said.contains("is there already"), "{said}");
    }
}

#[test]
fn an_adapter_of_another_model_is_refused() {
    let hone = Hone::with_model();
    let llama = tiny("llama");
    let foreign = made_elsewhere(&hone, "qwen3", Layout::Gguf);
    let said = hone.fails(1, &["adapter", "import", foreign.to_str().unwrap()]);
    assert!(said.contains("qwen3") && said.contains("llama"), "{said}");
    // A model that is no more pulled can be named by its file; another one is refused by its hash.
    import(&hone, &made_elsewhere(&hone, "llama", Layout::Peft), "style");
    hone.ok(&["rm", "llama"]);
    let out = hone.folder.path().join("out").to_str().unwrap().to_owned();
    let export = ["adapter", "export", "style", "--format", "peft", "--out", &out];
    let said = hone.fails(1, &export);
    assert!(said.contains("llama") && said.contains("--base"), "{said}");
    let other = tiny("llama-linear");
    let run = hone.run(&[&export[..], &["--base", other.to_str().unwrap(), "-q"]].concat());
    let said = run.failed(1);
    assert!(said.contains("llama-linear") && said.contains("trained on llama"), "{said}");
    hone.ok(&[&export[..], &["--base", llama.to_str().unwrap()]].concat());
}

#[test]
fn fused_is_a_model_that_answers() {
    let hone = Hone::with_model();
    import(&hone, &made_elsewhere(&hone, "llama", Layout::Peft), "style");
    let out = hone.folder.path().join("fused.gguf");
    let out = out.to_str().unwrap();
    let report = hone.json(&["adapter", "fuse", "style", "--out", out, "--json", "-q"]);
    assert_eq!((&report["matrices"], &report["rounding_over_update"]), (&3.into(), &0.0.into()));
    let (base, fused) = (Gguf::open(&tiny("llama")).unwrap(), Gguf::open(Path::new(out)).unwrap());
    Model::from_gguf(&fused).unwrap();
    let same = |name: &str| {
        let data = |file: &Gguf| file.data(file.tensor(name).unwrap());
        *data(&base) == *data(&fused)
    };
    assert!(same("blk.0.attn_q.weight") && !same("blk.1.attn_q.weight") && !same("blk.1.ffn_down.weight"));
    assert!(hone.fails(1, &["adapter", "fuse", "style", "--out", out]).contains("is there already"));

    let small = hone.folder.path().join("small.gguf");
    let run = hone.run(&["adapter", "fuse", "style", "--format", "q8_0", "--out", small.to_str().unwrap()]);
    assert_eq!((run.code, run.stdout), (Some(0), format!("{}\n", small.display())));
    assert!(run.stderr.contains("3 matrices changed"), "{}", run.stderr);
    hone.ok(&["chat", "-p", "hi", "--max-tokens", "2", "--model", small.to_str().unwrap()]);
}

#[test]
fn what_cannot_be_imported_says_why() {
    let hone = Hone::with_model();
    let folder = hone.folder.path();
    let dora = made_elsewhere(&hone, "llama", Layout::Peft);
    let config = dora.join("adapter_config.json");
    let text = fs::read_to_string(&config).unwrap().replace("\"use_dora\": false", "\"use_dora\": true");
    fs::write(&config, text).unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    for (path, reason) in [
        (folder.join("nowhere"), "no such file"),
        (folder.join("empty"), "neither"),
        (tiny("llama"), "a model is not an adapter"),
        (dora, "use_dora"),
    ] {
        let said = hone.fails(1, &["-q", "adapter", "import", path.to_str().unwrap()]);
        assert!(said.contains(reason), "{said}");
    }
    for wrong in [
        &["adapter"][..],
        &["adapter", "export", "x", "--format", "zip", "--out", "y"],
        &["adapter", "fuse", "x", "--format", "Q9", "--out", "y"],
        &["adapter", "use", "x", "--base", "y"],
    ] {
        hone.fails(2, wrong);
    }
    assert_eq!(hone.json(&["adapter", "list", "--json"]), serde_json::json!([]));
}
