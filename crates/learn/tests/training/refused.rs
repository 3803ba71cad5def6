//! Runs that cannot begin, go on or be kept: each says why.

use crate::make::{info, model, recipe, start, tokens};
use learn::train::{Folder, Recipe, Run, Sets, Tokens, TrainError};

#[test]
fn an_empty_set_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (model, recipe) = (model(), recipe());
    let folder = Folder::create(home.path(), &info(&recipe)).unwrap();
    let device = engine::train::cpu(Some(1)).unwrap();
    let valid = tokens(&model, &[], &recipe);
    let sets = Sets { train: Tokens::default(), valid, replay: Vec::new(), remarks: Vec::new() };
    let refused = Run::new(model, device, sets, recipe, folder).err().unwrap();
    assert!(matches!(refused, TrainError::Empty { .. }), "{refused}");
    assert!(refused.to_string().contains("--max-seq"));
}

#[test]
fn settings_without_meaning_are_refused() {
    let model = model();
    let bad = [
        Recipe { rank: 0, ..recipe() },
        Recipe { scale: 0.0, ..recipe() },
        Recipe { layers: Some(0), ..recipe() },
        Recipe { layers: Some(99), ..recipe() },
        Recipe { learning_rate: Some(-1.0), ..recipe() },
        Recipe { learning_rate: Some(f32::NAN), ..recipe() },
        Recipe { epochs: 0.0, ..recipe() },
        Recipe { steps: Some(0), ..recipe() },
        Recipe { batch: 0, ..recipe() },
        Recipe { accumulation: 0, ..recipe() },
        Recipe { max_seq: 1, ..recipe() },
        Recipe { max_seq: 1 << 30, ..recipe() },
        Recipe { warmup: 1.0, ..recipe() },
        Recipe { dropout: 1.0, ..recipe() },
        Recipe { members: 0, ..recipe() },
        Recipe { clip: 0.0, ..recipe() },
        Recipe { targets: vec!["lm_head".into()], ..recipe() },
        Recipe { targets: vec![], ..recipe() },
    ];
    recipe().check(model.config()).unwrap();
    for recipe in bad {
        assert!(matches!(recipe.check(model.config()), Err(TrainError::Setting { .. })), "{recipe:?}");
    }
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_keeps_its_checkpoint() {
    let home = tempfile::tempdir().unwrap();
    let recipe = Recipe { learning_rate: Some(1.0), scale: 1e30, dropout: 0.0, ..recipe() };
    let (run, folder) = start(home.path(), &recipe, 20, 1).unwrap();
    let failed = run.run(&mut || false, &mut |_| {}).unwrap_err();
    assert!(matches!(failed, TrainError::NotFinite { .. }), "{failed}");
    assert!(failed.to_string().contains("learning rate"));
    assert!(!folder.info().unwrap().done);
}

#[test]
fn a_run_does_not_go_on_with_something_else() {
    let home = tempfile::tempdir().unwrap();
    let begun = info(&recipe());
    let folder = Folder::create(home.path(), &begun).unwrap();
    begun.check_same(&folder, &begun).unwrap();
    let mut other = begun.clone();
    other.data_sha256 = "c".repeat(64);
    assert!(begun.check_same(&folder, &other).unwrap_err().to_string().contains("other data"));
    let other = learn::train::RunInfo { recipe: Recipe { seed: 6, ..recipe() }, ..begun.clone() };
    assert!(begun.check_same(&folder, &other).unwrap_err().to_string().contains("other settings"));
    let mut other = begun.clone();
    other.base.sha256 = "d".repeat(64);
    assert!(begun.check_same(&folder, &other).unwrap_err().to_string().contains("another model"));
}

#[test]
fn a_folder_that_cannot_be_written_is_said_and_the_checkpoint_stays() {
    let home = tempfile::tempdir().unwrap();
    let (run, folder) = start(home.path(), &recipe(), 20, 1).unwrap();
    let mut steps = 0;
    // A folder where the next checkpoint's file should be written: as a full disk would, it fails in the middle.
    let failed = run.run(&mut || false, &mut |event| {
        if let learn::train::Event::Step { .. } = event {
            steps += 1;
            if steps == 3 {
                std::fs::create_dir(folder.path().join("checkpoint.part")).unwrap();
            }
        }
    });
    assert!(matches!(failed, Err(TrainError::Io { .. })));
    std::fs::remove_dir(folder.path().join("checkpoint.part")).unwrap();
    let (run, _) = start(home.path(), &recipe(), 20, 1).unwrap();
    assert!(run.step() >= 2, "{}", run.step());
}
