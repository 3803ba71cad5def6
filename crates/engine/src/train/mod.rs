//! Which adapter makes these tokens more likely? LoRA training straight through the quantised weights.
//!
//! A step goes down this list: sequences become a [`Pack`] (`pack`), the pack goes through the model and leaves behind
//! what the gradients need (`forward`), the loss of the supervised rows comes back as a gradient (`head`, and `soft` where
//! a model's own distribution takes the place of a token) and goes back
//! through the layers (`backward`), and the optimiser moves the factors (`adamw`). Weights stay as they are mapped:
//! there is no dequantised and no transposed copy.

mod adamw;
mod backward;
mod forward;
mod head;
mod kept;
mod memory;
mod pack;
mod scorer;
mod soft;
mod state;
mod trainer;

pub use adamw::AdamW;
/// What computes; here for crates that do not know the kernels.
pub use kernels::Device;
pub use kernels::cpu::CpuError;
pub use memory::{available_memory, memory_needed};
pub use pack::{Example, Pack, Totals};
pub use scorer::Scorer;
pub use soft::Teacher;
pub use state::StateError;
pub use trainer::{Options, Stopped, Trainer, Update};

/// This machine's processor, with the best instructions that it has; `threads` are all cores where left out.
pub fn cpu(threads: Option<usize>) -> Result<std::sync::Arc<dyn Device>, CpuError> {
    Ok(std::sync::Arc::new(kernels::cpu::Cpu::new(kernels::cpu::CpuOptions { threads, isa: None })?))
}
