//! `hone adapter fuse`: model and adapter in one GGUF file.

use super::check_free;
use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::AdapterFuse;
use crate::output::{self, bytes};
use crate::progress::Progress;
use engine::adapter::fuse::{Fused, fuse};
use engine::gguf::Gguf;
use hub::Progress as _;
use learn::adapters::Library;

pub(crate) fn run(app: &App, library: &Library, flags: &AdapterFuse) -> anyhow::Result<()> {
    let fused = write(app, library, flags)?;
    report(flags, &fused, loss(flags)?)
}

/// Loss on a validation set: of model and adapter apart, and of the new file.
struct Loss {
    apart: f64,
    fused: f64,
}

/// What the fusing costs on a validation set; `None` where there is none to measure it on.
fn loss(_flags: &AdapterFuse) -> anyhow::Result<Option<Loss>> {
    Ok(None)
}

/// Writes the file.
fn write(app: &App, library: &Library, flags: &AdapterFuse) -> anyhow::Result<Fused> {
    let adapter = library.find(&flags.adapter)?;
    check_free(&flags.out)?;
    let model = BaseModel::of(app, &adapter, flags.base.as_deref())?;
    let loaded = library.load(&adapter, &model.base, &model.config)?;
    let base = Gguf::open(&model.path)?;
    let progress = Progress::new(app.quiet);
    let mut begun = false;
    let fused = fuse(&base, &loaded, flags.format, &flags.out, |done, total| {
        if !std::mem::replace(&mut begun, true) {
            progress.start(&format!("Fusing {} and {}", model.base.name, adapter.name), Some(total));
        }
        progress.advance(done);
    });
    progress.finish();
    Ok(fused?)
}

/// Says where the file is, and what was lost on the way.
fn report(flags: &AdapterFuse, fused: &Fused, loss: Option<Loss>) -> anyhow::Result<()> {
    if flags.json {
        let loss = loss.map(|loss| serde_json::json!({ "apart": loss.apart, "fused": loss.fused }));
        return output::print_json(&serde_json::json!({
            "path": flags.out.display().to_string(), "bytes": fused.bytes, "matrices": fused.matrices,
            "rounding_over_update": fused.lost, "loss": loss,
        }));
    }
    eprintln!(
        "{} matrices changed, {}. Storing them rounds by {:.1} % of the adapter's own size.",
        fused.matrices,
        bytes(fused.bytes),
        100.0 * fused.lost
    );
    if let Some(loss) = loss {
        eprintln!("Loss on the validation set: {:.4} apart, {:.4} fused.", loss.apart, loss.fused);
    }
    Ok(output::print(&format!("{}\n", flags.out.display()))?)
}
