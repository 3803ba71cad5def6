//! A run for torch and PEFT elsewhere: a folder with data, recipe and script.

use crate::adapters::Base;
use crate::dataset::Example;
use crate::train::{Recipe, Supervise, TrainError};
use engine::Model;
use engine::adapter::{Target, peft};
use engine::text::ChatTemplate;
use serde_json::json;
use std::fs;
use std::path::Path;

/// The script and what belongs to it.
const FILES: [(&str, &str); 3] = [
    ("train.py", include_str!("train.py")),
    ("requirements.txt", include_str!("requirements.txt")),
    ("README.md", include_str!("README.md")),
];

/// Writes the folder, which must be new or empty.
pub fn write(
    folder: &Path,
    base: &Base,
    model: &Model,
    recipe: &Recipe,
    train: &[Example],
    valid: &[Example],
) -> Result<(), TrainError> {
    if recipe.members > 1 {
        let why = "the script for torch and PEFT trains one";
        return Err(TrainError::Setting { name: "members", value: recipe.members.to_string(), why });
    }
    fs::create_dir_all(folder).map_err(TrainError::io("create", folder))?;
    if fs::read_dir(folder).map_err(TrainError::io("read", folder))?.next().is_some() {
        return Err(TrainError::NotEmpty(folder.into()));
    }
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(TrainError::io("write", path))
    };
    for (name, text) in FILES {
        put(name, text)?;
    }
    for (name, examples) in [("train.jsonl", train), ("valid.jsonl", valid)] {
        let line = |e: &Example| serde_json::to_string(e).expect("texts are JSON") + "\n";
        put(name, &examples.iter().map(line).collect::<String>())?;
    }
    let shape = recipe.shape(model.config())?;
    let modules: Vec<&str> = shape
        .targets
        .iter()
        .map(|t: &Target| t.module_name().rsplit('.').next().unwrap_or_default())
        .collect();
    // The run's own first factors: what comes back differs from hone's adapter by rounding only.
    let initial = recipe.first_adapter(model.config())?;
    peft::write(&folder.join("initial"), &initial, model.config(), None)?;
    let per_epoch = train.len().div_ceil(recipe.step_examples()).max(1) as f64;
    let job = json!({
        "base": base.name,
        "chat_template": model.template.as_ref().map(ChatTemplate::source),
        "rank": recipe.rank,
        "scale": recipe.scale,
        "target_modules": modules,
        "layers": recipe.layers.map(|_| shape.layers.clone().collect::<Vec<_>>()),
        "learning_rate": recipe.peak_rate(model.info.parameters),
        "epochs": recipe.epochs,
        "steps": recipe.steps.unwrap_or((recipe.epochs * per_epoch).ceil() as u64),
        "max_seq": recipe.max_seq,
        "batch": recipe.batch,
        "accumulation": recipe.accumulation,
        "warmup": recipe.warmup,
        "clip": recipe.clip,
        "dropout": recipe.dropout,
        "weight_decay": recipe.weight_decay,
        "seed": recipe.seed,
        "loss_on": match recipe.loss_on {
            Supervise::Assistant => "assistant",
            Supervise::All => "all",
        },
    });
    put("job.json", &(serde_json::to_string_pretty(&job).expect("settings are JSON") + "\n"))
}
