//! `hone adapter fuse`: model and adapter in one GGUF file.

use super::check_free;
use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::AdapterFuse;
use crate::held_out::HeldOut;
use crate::loading;
use crate::output::{self, bytes};
use crate::progress::Progress;
use engine::adapter::fuse::{Fused, fuse};
use engine::adapter::{Adapter, Loaded};
use engine::gguf::Gguf;
use hub::Progress as _;
use learn::adapters::{Library, Manifest};
use serde::Serialize;

pub(crate) fn run(app: &App, library: &Library, flags: &AdapterFuse) -> anyhow::Result<()> {
    let manifest = library.find(&flags.adapter)?;
    check_free(&flags.out)?;
    let model = BaseModel::of(app, &manifest, flags.base.as_deref())?;
    let adapter = library.load(&manifest, &model.base, &model.config)?;
    let fused = write(app, flags, &model, &manifest, &adapter)?;
    let loss = loss(app, flags, &model, &manifest, adapter)?;
    report(flags, &fused, &loss)
}

/// Loss on held-out examples, in nats a token.
#[derive(Serialize)]
struct Loss {
    data: String,
    examples: usize,
    /// Of the model alone.
    base: f64,
    /// Of model and adapter side by side, nothing rounded.
    apart: f64,
    /// Of the new file.
    fused: f64,
}

/// What the fusing costs on held-out examples, or why that cannot be measured.
fn loss(
    app: &App,
    flags: &AdapterFuse,
    base: &BaseModel,
    manifest: &Manifest,
    adapter: Adapter,
) -> anyhow::Result<Result<Loss, String>> {
    let model = loading::open(&base.path)?;
    let examples = match HeldOut::find(app, &model, manifest, flags.data.as_deref())? {
        Ok(examples) => examples,
        Err(why) => return Ok(Err(why)),
    };
    let loaded = Loaded::new(manifest.id.clone(), adapter);
    let fused = loading::open(&flags.out)?;
    Ok(Ok(Loss {
        base: examples.loss(app, &model, None, None)?,
        apart: examples.loss(app, &model, Some(loaded), None)?,
        fused: examples.loss(app, &fused, None, None)?,
        examples: examples.len(),
        data: examples.name,
    }))
}

/// Writes the file.
fn write(
    app: &App,
    flags: &AdapterFuse,
    model: &BaseModel,
    manifest: &Manifest,
    adapter: &Adapter,
) -> anyhow::Result<Fused> {
    let base = Gguf::open(&model.path)?;
    let progress = Progress::new(app.quiet);
    let mut begun = false;
    let fused = fuse(&base, adapter, flags.format, &flags.out, |done, total| {
        if !std::mem::replace(&mut begun, true) {
            progress.start(&format!("Fusing {} and {}", model.base.name, manifest.name), Some(total));
        }
        progress.advance(done);
    });
    progress.finish();
    Ok(fused?)
}

/// Says where the file is, and what was lost on the way.
fn report(flags: &AdapterFuse, fused: &Fused, loss: &Result<Loss, String>) -> anyhow::Result<()> {
    if flags.json {
        return output::print_json(&serde_json::json!({
            "path": flags.out.display().to_string(), "bytes": fused.bytes, "matrices": fused.matrices,
            "rounding_over_update": fused.lost, "loss": loss.as_ref().ok(), "not_measured": loss.as_ref().err(),
        }));
    }
    eprintln!(
        "{} matrices changed, {}. Storing them rounds by {:.1} % of the adapter's own size.",
        fused.matrices,
        bytes(fused.bytes),
        100.0 * fused.lost
    );
    match loss {
        Ok(loss) => eprintln!("{}", output::harmless(&sentence(loss))),
        Err(why) => {
            let why = output::harmless(why);
            eprintln!("What that costs was not measured: {why}. Name examples with --data");
        }
    }
    Ok(output::print(&format!("{}\n", flags.out.display()))?)
}

/// What rounding does to the loss, and how much of the gain it takes.
fn sentence(loss: &Loss) -> String {
    let Loss { data, examples, base, apart, fused } = loss;
    let (gain, cost) = (base - apart, fused - apart);
    let share = match gain > 0.0 && cost > 0.0 {
        true => format!(", {:.0} % of what the adapter gains", 100.0 * cost / gain),
        false => String::new(),
    };
    format!(
        "Loss on {examples} held-out examples of {data}: {base:.4} without the adapter, {apart:.4} with it, \
         {fused:.4} fused. Rounding costs {cost:.4}{share}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_told_beside_the_gain() {
        let loss = |fused| Loss { data: "set".into(), examples: 3, base: 2.0, apart: 1.0, fused };
        assert!(sentence(&loss(1.25)).ends_with("Rounding costs 0.2500, 25 % of what the adapter gains."));
        assert!(sentence(&loss(0.99)).ends_with("Rounding costs -0.0100."));
    }
}
