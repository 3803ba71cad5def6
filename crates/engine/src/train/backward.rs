//! The backward pass through one layer.
//!
//! `dx` is the gradient of the layer's output when it comes in, and of its input when it goes out.

use super::forward::Context;
use super::kept::Inside;
use crate::adapter::{Adapter, Lora, Target};
use crate::model::layer::Pass;
use crate::model::weights::Layer;
use kernels::{Attended, LinearGrad, LoraGrad, Matrix, Norm, Tensor};

/// Gradients on the way.
#[derive(Debug, Default)]
pub(super) struct Backward {
    normed: Tensor,
    dnormed: Tensor,
    hidden: Tensor,
    dhidden: Tensor,
    dmixed: Tensor,
    dq: Tensor,
    dk: Tensor,
    dv: Tensor,
    spare: Tensor,
    dropped: Tensor,
    ddropped: Tensor,
}

impl Backward {
    /// Adds the gradients of the layer's factors. `down` says whether there is an adapter below: without one the
    /// gradient of the layer's input is not computed, and `dx` is of no use afterwards.
    #[allow(clippy::too_many_arguments, reason = "a layer's whole surroundings")]
    pub(super) fn layer(
        &mut self,
        ctx: &Context<'_>,
        pass: &Pass<'_>,
        layer: &Layer,
        n: usize,
        inside: &mut Inside,
        gradients: &mut Adapter,
        dx: &mut Tensor,
        below: bool,
    ) {
        let at = Place { ctx, n };
        self.feed_forward(&at, pass, layer, inside, gradients, dx);
        self.attention(&at, pass, layer, inside, gradients, dx, below);
    }

    #[allow(clippy::too_many_arguments, reason = "as above")]
    fn feed_forward(
        &mut self,
        at: &Place<'_>,
        pass: &Pass<'_>,
        layer: &Layer,
        inside: &mut Inside,
        gradients: &mut Adapter,
        dx: &mut Tensor,
    ) {
        let device = at.ctx.device;
        let Inside { middle, gate, up, .. } = inside;
        like(gate, &mut self.hidden);
        device.swiglu(gate, up, &mut self.hidden);
        like(gate, &mut self.dhidden);
        let outputs = [(Target::Down, &layer.down.weight, &*dx)];
        self.linear(at, Input::Hidden, outputs, gradients, true);
        // In place: gate and up become their gradients.
        device.swiglu_backward(gate, up, &self.dhidden);
        let norm = pass.norm(&layer.feed_forward_norm);
        self.normalise(at, middle, norm);
        let outputs = [(Target::Gate, &layer.gate, &*gate), (Target::Up, &layer.up, &*up)];
        self.linear(at, Input::Normed, outputs, gradients, true);
        device.norm_backward(middle, norm, &self.dnormed, dx);
    }

    #[allow(clippy::too_many_arguments, reason = "as above")]
    fn attention(
        &mut self,
        at: &Place<'_>,
        pass: &Pass<'_>,
        layer: &Layer,
        inside: &mut Inside,
        gradients: &mut Adapter,
        dx: &mut Tensor,
        below: bool,
    ) {
        let device = at.ctx.device;
        let outputs = [(Target::Output, &layer.output.weight, &*dx)];
        like(&inside.mixed, &mut self.dmixed);
        self.linear(at, Input::Mixed(&inside.mixed), outputs, gradients, true);
        like(&inside.q, &mut self.dq);
        like(&inside.k, &mut self.dk);
        like(&inside.v, &mut self.dv);
        let attended =
            Attended { q: &inside.q, k: &inside.k, v: &inside.v, out: &inside.mixed, dout: &self.dmixed };
        let (dq, dk, dv) = (&mut self.dq, &mut self.dk, &mut self.dv);
        device.attend_backward(&pass.attention(layer, 0), &attended, dq, dk, dv);
        for (weight, raw, gradient) in [
            (&layer.q_norm, &mut inside.raw_q, &mut self.dq),
            (&layer.k_norm, &mut inside.raw_k, &mut self.dk),
        ] {
            if let Some(weight) = weight {
                head_norm_backward(at, raw, pass.norm(weight), gradient, &mut self.spare);
            }
        }

        let norm = pass.norm(&layer.attention_norm);
        self.normalise(at, &inside.x, norm);
        let (dq, dk, dv) = (take(&mut self.dq), take(&mut self.dk), take(&mut self.dv));
        let outputs = [
            (Target::Q, &layer.q.weight, &dq),
            (Target::K, &layer.k.weight, &dk),
            (Target::V, &layer.v.weight, &dv),
        ];
        self.linear(at, Input::Normed, outputs, gradients, below);
        (self.dq, self.dk, self.dv) = (dq, dk, dv);
        if below {
            device.norm_backward(&inside.x, norm, &self.dnormed, dx);
        }
    }

    fn normalise(&mut self, at: &Place<'_>, x: &Tensor, norm: Norm<'_>) {
        like(x, &mut self.normed);
        like(x, &mut self.dnormed);
        at.ctx.device.norm(x, norm, &mut self.normed);
    }

    /// Layers that read one input: its gradient, where it is `wanted`, and those of their factors.
    fn linear<const N: usize>(
        &mut self,
        at: &Place<'_>,
        input: Input<'_>,
        outputs: [(Target, &Matrix, &Tensor); N],
        gradients: &mut Adapter,
        wanted: bool,
    ) {
        let device = at.ctx.device;
        let (x, dx) = match input {
            Input::Hidden => (&self.hidden, &mut self.dhidden),
            Input::Normed => (&self.normed, &mut self.dnormed),
            Input::Mixed(mixed) => (mixed, &mut self.dmixed),
        };
        if wanted {
            device.linear_backward(&outputs.map(|(_, weight, dy)| LinearGrad { weight, dy }), dx);
        }
        if let Some(dropout) = &at.ctx.dropout {
            for (target, _, dy) in outputs {
                let mut rooms = gradients.layer_mut(at.n, [target]);
                let mut jobs = jobs(at, [(target, dy)], &mut rooms);
                if jobs.is_empty() {
                    continue;
                }
                copy(x, &mut self.dropped);
                dropout.apply(at.n, target, &mut self.dropped);
                like(x, &mut self.ddropped);
                self.ddropped.as_mut_slice().fill(0.0);
                device.lora_backward(&self.dropped, &mut jobs, Some(&mut self.ddropped));
                dropout.apply(at.n, target, &mut self.ddropped);
                let sums = dx.as_mut_slice().iter_mut().zip(self.ddropped.as_slice());
                sums.for_each(|(dx, d)| *dx += d);
            }
            return;
        }
        let mut rooms = gradients.layer_mut(at.n, outputs.map(|(target, ..)| target));
        let mut jobs = jobs(at, outputs.map(|(target, _, dy)| (target, dy)), &mut rooms);
        device.lora_backward(x, &mut jobs, wanted.then_some(dx));
    }
}

/// The updates of some layers, with room for their gradients.
fn jobs<'a, const N: usize>(
    at: &'a Place<'_>,
    outputs: [(Target, &'a Tensor); N],
    rooms: &'a mut [Option<&mut Lora>; N],
) -> Vec<LoraGrad<'a>> {
    let job = |((target, dy), room): ((Target, &'a Tensor), &'a mut Option<&mut Lora>)| {
        let lora = at.ctx.adapter.get(at.n, target)?;
        let room = room.as_mut().expect("gradients have the adapter's places");
        let (a, b, scale) = (&lora.a, &lora.b, lora.scale);
        Some(LoraGrad { a, b, scale, dy, da: &mut room.a, db: &mut room.b })
    };
    outputs.into_iter().zip(rooms).filter_map(job).collect()
}

/// Where in the model.
struct Place<'a> {
    ctx: &'a Context<'a>,
    n: usize,
}

/// Which input some layers read.
enum Input<'a> {
    Hidden,
    Normed,
    Mixed(&'a Tensor),
}

/// Replaces the gradient of normalised heads with that of the raw ones.
fn head_norm_backward(
    at: &Place<'_>,
    raw: &mut Tensor,
    norm: Norm<'_>,
    gradient: &mut Tensor,
    spare: &mut Tensor,
) {
    let (rows, cols, dim) = (raw.rows(), raw.cols(), norm.weight.len());
    raw.divide_rows(dim);
    gradient.divide_rows(dim);
    like(raw, spare);
    spare.as_mut_slice().fill(0.0);
    at.ctx.device.norm_backward(raw, norm, gradient, spare);
    std::mem::swap(gradient, spare);
    debug_assert_eq!(gradient.rows() * gradient.cols(), rows * cols);
    gradient.divide_rows(cols);
}

fn take(tensor: &mut Tensor) -> Tensor {
    std::mem::take(tensor)
}

fn like(shape: &Tensor, tensor: &mut Tensor) {
    tensor.reshape(shape.rows(), shape.cols());
}

fn copy(from: &Tensor, to: &mut Tensor) {
    like(from, to);
    to.as_mut_slice().copy_from_slice(from.as_slice());
}
