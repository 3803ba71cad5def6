//! `hone adapter export`: an adapter for other programs.

use super::check_free;
use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::AdapterExport;
use crate::output;
use engine::adapter::Layout;
use learn::adapters::Library;

pub(crate) fn run(app: &App, library: &Library, flags: &AdapterExport) -> anyhow::Result<()> {
    let adapter = library.find(&flags.adapter)?;
    check_free(&flags.out)?;
    if flags.format == Layout::Gguf {
        // hone's own file is such a file.
        library.copy(&adapter, &flags.out)?;
    } else {
        let model = BaseModel::of(app, &adapter, flags.base.as_deref())?;
        let loaded = library.load(&adapter, &model.base, &model.config)?;
        flags.format.write(&flags.out, &loaded, &model.config, Some(&model.base.name))?;
    }
    Ok(output::print(&format!("{}\n", flags.out.display()))?)
}
