//! x86-64.

use super::kernels::Kernels;
use crate::detect::Isa;

/// The table of an instruction set of this architecture.
pub(super) fn kernels(_isa: Isa) -> &'static Kernels {
    &super::portable::KERNELS
}
