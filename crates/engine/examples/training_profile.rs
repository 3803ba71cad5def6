//! Where does the time of a training step go? Every operation of the device, timed.
//!
//!     cargo run --release -p engine --example training_profile -- MODEL.gguf [--threads N] [--tokens N] [--steps N]
//!
//! Trains rank 8 on all linear layers with random tokens, all of them targets. Prints milliseconds a step, and for
//! products with weights the multiply-adds a second, to be held against the limits that it prints first.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use engine::adapter::{Adapter, Shape, Target};
use engine::model::Model;
use engine::train::{Example, Options, Pack, Trainer};
use kernels::cpu::{Cpu, CpuOptions};
use kernels::{Attend, Attended, Device, KvStore, Linear, LinearGrad, Lora, LoraGrad, Matrix, Norm, Tensor};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut path, mut threads, mut tokens, mut steps) = (None, None, 512usize, 6u32);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number =
            || words.next().ok_or("a number is missing")?.parse::<usize>().map_err(Box::<dyn Error>::from);
        match word.as_str() {
            "--threads" => threads = Some(number()?),
            "--tokens" => tokens = number()?,
            "--steps" => steps = number()?.max(1) as u32,
            _ => path = Some(word),
        }
    }
    let model = Arc::new(Model::open(std::path::Path::new(&path.ok_or("which model?")?))?);
    let device =
        Arc::new(Timed { cpu: Cpu::new(CpuOptions { threads, isa: None })?, spent: Mutex::default() });
    println!("{}: {:.0?}", device.describe(), kernels::limits::measure(device.cpu.threads())?);
    let layers = 0..model.config().layers;
    let shape = Shape { rank: 8, scale: 2.0, layers, targets: Target::ALL.to_vec() };
    let adapter = Adapter::init(model.config(), &shape, 0);
    let mut trainer = Trainer::new(model.clone(), device.clone(), adapter, Options::default())?;
    let pack = Pack::new([&Example::all((0..=tokens as u32).map(|i| i * 7919 % 30_000 + 100).collect())]);
    let mut step = || -> Result<f64, Box<dyn Error>> {
        let began = Instant::now();
        trainer.accumulate(&pack, &mut || false)?;
        trainer.update(1e-4, 1.0);
        Ok(began.elapsed().as_secs_f64() * 1e3)
    };
    step()?;
    device.spent.lock().expect("no thread panicked").clear();
    let times = (0..steps).map(|_| step()).collect::<Result<Vec<_>, _>>()?;
    let total = times.iter().sum::<f64>() / f64::from(steps);
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "step: mean {total:.0} ms, fastest {fastest:.0} ms, {:.0} tokens/s",
        tokens as f64 / total * 1e3
    );
    let mut rest = total;
    for (name, Spent { seconds, macs }) in &*device.spent.lock().expect("no thread panicked") {
        let ms = seconds * 1e3 / f64::from(steps);
        rest -= ms;
        let rate = if *macs > 0.0 { format!("{:6.0} GMAC/s", macs / seconds / 1e9) } else { String::new() };
        println!("{name:24} {ms:7.1} ms {rate}");
    }
    println!("{:24} {rest:7.1} ms", "outside the device");
    Ok(())
}

#[derive(Default)]
struct Spent {
    seconds: f64,
    macs: f64,
}

/// The processor with a clock.
struct Timed {
    cpu: Cpu,
    spent: Mutex<BTreeMap<String, Spent>>,
}

impl Timed {
    fn time(&self, name: &str, macs: usize, run: impl FnOnce()) {
        let began = Instant::now();
        run();
        let seconds = began.elapsed().as_secs_f64();
        let mut spent = self.spent.lock().expect("no thread panicked");
        let entry = spent.entry(name.to_string()).or_default();
        entry.seconds += seconds;
        entry.macs += macs as f64;
    }
}

fn size(weights: &[&Matrix]) -> usize {
    weights.iter().map(|w| w.rows() * w.cols()).sum()
}

/// `name` with the widths of a product, so that layers of different shapes have lines of their own.
fn named(name: &str, weights: &[&Matrix]) -> String {
    let shapes: Vec<String> = weights.iter().map(|w| format!("{}x{}", w.rows(), w.cols())).collect();
    format!("{name} {}", shapes.join("+"))
}

impl Device for Timed {
    fn describe(&self) -> String {
        self.cpu.describe()
    }
    fn embed(&self, table: &Matrix, ids: &[u32], out: &mut Tensor) {
        self.time("embed", 0, || self.cpu.embed(table, ids, out));
    }
    fn linear(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
        let weights: Vec<&Matrix> = jobs.iter().map(|j| j.weight).collect();
        let (name, macs) = (named("linear", &weights), x.rows() * size(&weights));
        self.time(&name, macs, || self.cpu.linear(x, norm, jobs));
    }
    fn linear_backward(&self, jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
        let weights: Vec<&Matrix> = jobs.iter().map(|j| j.weight).collect();
        let (name, macs) = (named("back", &weights), dx.rows() * size(&weights));
        self.time(&name, macs, || self.cpu.linear_backward(jobs, dx));
    }
    fn lora(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]) {
        self.time("lora", 0, || self.cpu.lora(x, norm, jobs));
    }
    fn lora_backward(&self, x: &Tensor, jobs: &mut [LoraGrad<'_>], dx: Option<&mut Tensor>) {
        self.time("lora back", 0, || self.cpu.lora_backward(x, jobs, dx));
    }
    fn norm(&self, x: &Tensor, norm: Norm<'_>, out: &mut Tensor) {
        self.time("norm", 0, || self.cpu.norm(x, norm, out));
    }
    fn norm_backward(&self, x: &Tensor, norm: Norm<'_>, dy: &Tensor, dx: &mut Tensor) {
        self.time("norm back", 0, || self.cpu.norm_backward(x, norm, dy, dx));
    }
    fn gated(&self, x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
        self.time("gated", 0, || self.cpu.gated(x, norm, gate, up, out));
    }
    fn swiglu(&self, gate: &Tensor, up: &Tensor, out: &mut Tensor) {
        self.time("swiglu", 0, || self.cpu.swiglu(gate, up, out));
    }
    fn swiglu_backward(&self, gate: &mut Tensor, up: &mut Tensor, dout: &Tensor) {
        self.time("swiglu back", 0, || self.cpu.swiglu_backward(gate, up, dout));
    }
    fn attend(
        &self,
        op: &Attend<'_>,
        q: &mut Tensor,
        k: &mut Tensor,
        v: &Tensor,
        kv: &mut KvStore,
        out: &mut Tensor,
    ) {
        self.time("attend", 0, || self.cpu.attend(op, q, k, v, kv, out));
    }
    fn attend_backward(
        &self,
        op: &Attend<'_>,
        forward: &Attended<'_>,
        dq: &mut Tensor,
        dk: &mut Tensor,
        dv: &mut Tensor,
    ) {
        self.time("attend back", 0, || self.cpu.attend_backward(op, forward, dq, dk, dv));
    }
    fn narrow(&self, x: &Tensor, out: &mut Vec<u16>) {
        self.time("narrow", 0, || self.cpu.narrow(x, out));
    }
    fn widen(&self, x: &[u16], out: &mut Tensor) {
        self.time("widen", 0, || self.cpu.widen(x, out));
    }
    fn cross_entropy(&self, logits: &mut Tensor, targets: &[u32], losses: &mut [f32]) {
        self.time("cross entropy", 0, || self.cpu.cross_entropy(logits, targets, losses));
    }
}
