//! In place of `x86/amx.rs` on processors without matrix tiles.

use super::Scratch;
use crate::detect::Isa;
use crate::pool::Pool;
use crate::{Linear, Matrix, Norm, Tensor};
use std::sync::Mutex;

/// There is none.
pub(super) enum Tiles {}

/// Nothing to keep.
#[derive(Default)]
pub(super) struct TileBuffers;

impl Tiles {
    pub(super) fn of(_: Isa) -> Option<Tiles> {
        None
    }

    pub(super) fn takes(&self, _: &Matrix) -> bool {
        match *self {}
    }

    pub(super) fn linear(
        &mut self,
        _: &mut Pool,
        _: &[Mutex<Scratch>],
        _: &Tensor,
        _: Option<Norm<'_>>,
        _: &mut [Linear<'_>],
    ) {
        match *self {}
    }

    #[allow(clippy::too_many_arguments, reason = "as in x86/amx.rs")]
    pub(super) fn gated(
        &mut self,
        _: &mut Pool,
        _: &[Mutex<Scratch>],
        _: &Tensor,
        _: Option<Norm<'_>>,
        _: &Matrix,
        _: &Matrix,
        _: &mut Tensor,
    ) {
        match *self {}
    }
}

/// No tiles to attend with.
#[derive(Default)]
pub(super) struct Flash;

/// There is none.
pub(super) struct Attending(Never);

enum Never {}

impl Flash {
    pub(super) fn takes(_: usize) -> bool {
        false
    }

    /// # Safety
    /// Never called: nothing is taken.
    pub(super) unsafe fn begin(&mut self, _: usize, _: usize) -> Attending {
        unreachable!("there are no tiles")
    }
}

impl Attending {
    pub(super) fn set_query(&mut self, _: usize, _: &[f32], _: f32) {
        match self.0 {}
    }

    pub(super) fn block(&mut self, _: &[u8], _: &[u8], _: usize, _: impl Fn(usize) -> usize) {
        match self.0 {}
    }

    pub(super) fn result(&self, _: usize, _: &mut [f32]) {
        match self.0 {}
    }
}
