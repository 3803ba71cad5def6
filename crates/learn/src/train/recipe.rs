//! How to train.

use super::TrainError;
use engine::adapter::{Adapter, Shape, Target};
use engine::model::Config;
use serde::{Deserialize, Serialize};

/// Settings of a run. What is left out is decided by the size of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Rank of the updates.
    pub rank: usize,
    /// alpha / rank.
    pub scale: f32,
    /// Number of decoder layers, counted from the last, that get updates; all where it is left out.
    pub layers: Option<usize>,
    /// Linear layers that get updates, by their names in GGUF files: `attn_q`, `ffn_down`.
    pub targets: Vec<String>,
    /// Peak learning rate; 1e-3 below a billion parameters, 2e-4 above, where it is left out.
    pub learning_rate: Option<f32>,
    /// Times that every example is seen; ignored where `steps` is given.
    pub epochs: f64,
    /// Updates of the adapter.
    pub steps: Option<u64>,
    /// Examples in a micro-batch.
    pub batch: usize,
    /// Micro-batches in a step.
    pub accumulation: usize,
    /// Tokens of an example at most; more are cut off.
    pub max_seq: usize,
    /// Share of the steps in which the learning rate rises.
    pub warmup: f64,
    /// Longest norm of a step's gradient.
    pub clip: f32,
    /// Probability that an element of an update's input is left out.
    pub dropout: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Which tokens are learned.
    pub loss_on: Supervise,
    /// Compute layers again on the way back instead of keeping them; where memory asks for it, where it is left out.
    pub recompute: Option<bool>,
    /// Sequences of the base's own that each step takes beside its examples, to hold the adapter to them.
    #[serde(skip_serializing_if = "is_zero")]
    pub replay: usize,
    /// What their mean divergence is multiplied with, beside the mean loss of the examples.
    #[serde(skip_serializing_if = "is_one")]
    pub anchor: f32,
    /// Trainings that share the steps, one after another, each from first factors and in an order of its own. The
    /// average of their updates is the adapter, with all of their ranks: runs of one recipe differ by chance, and their
    /// average does less (Wortsman et al., "Model soups", 2022).
    pub members: usize,
    /// Of the first factors, the order of the examples and the dropout; the next member has the next one.
    pub seed: u64,
}

// What earlier versions did not write is left out where it says what they did.
fn is_zero(n: &usize) -> bool {
    *n == 0
}

fn is_one(x: &f32) -> bool {
    *x == 1.0
}

/// Which tokens are learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Supervise {
    /// What the assistant wrote, the end of its turn included.
    #[default]
    Assistant,
    /// Every token.
    All,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            rank: 16,
            scale: 2.0,
            layers: None,
            targets: Target::ALL.map(|target| target.gguf_name().to_owned()).to_vec(),
            learning_rate: None,
            epochs: 2.0,
            steps: None,
            batch: 1,
            accumulation: 48,
            max_seq: 2048,
            warmup: 0.1,
            clip: 1.0,
            dropout: 0.0,
            weight_decay: 0.0,
            loss_on: Supervise::Assistant,
            recompute: None,
            replay: 0,
            anchor: 1.0,
            members: 1,
            seed: 0,
        }
    }
}

impl Recipe {
    /// Fails at the first setting that has no meaning.
    pub fn check(&self, config: &Config) -> Result<(), TrainError> {
        let bad = |name: &'static str, value: String, why: &'static str| {
            Err(TrainError::Setting { name, value, why })
        };
        let positive = |v: f32| v > 0.0 && v.is_finite();
        if self.rank == 0 || self.rank > 1024 {
            return bad("rank", self.rank.to_string(), "it must be from 1 to 1024");
        }
        if !positive(self.scale) {
            return bad("scale", self.scale.to_string(), "it must be above 0");
        }
        if let Some(layers) = self.layers
            && !(1..=config.layers).contains(&layers)
        {
            return bad(
                "layers",
                layers.to_string(),
                "it must be from 1 to the number of the model's layers",
            );
        }
        if let Some(rate) = self.learning_rate
            && !(positive(rate) && rate <= 1.0)
        {
            return bad("learning rate", rate.to_string(), "it must be above 0 and at most 1");
        }
        if !(self.epochs > 0.0 && self.epochs <= 1e6) {
            return bad("epochs", self.epochs.to_string(), "it must be above 0");
        }
        if self.steps == Some(0) {
            return bad("steps", "0".into(), "it must be at least 1");
        }
        for (name, value) in [("batch", self.batch), ("accumulation", self.accumulation)] {
            if value == 0 || value > 1 << 20 {
                return bad(name, value.to_string(), "it must be at least 1");
            }
        }
        if self.max_seq < 2 || self.max_seq > config.context_length {
            return bad("max-seq", self.max_seq.to_string(), "it must be from 2 to the model's context");
        }
        if !(0.0..1.0).contains(&self.warmup) {
            return bad("warmup", self.warmup.to_string(), "it must be from 0 to below 1");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return bad("dropout", self.dropout.to_string(), "it must be from 0 to below 1");
        }
        if self.replay > 64 {
            return bad("replay", self.replay.to_string(), "it must be at most 64");
        }
        if !(self.anchor >= 0.0 && self.anchor.is_finite()) {
            return bad("anchor", self.anchor.to_string(), "it must be 0 or more");
        }
        if !(1..=8).contains(&self.members) {
            return bad("members", self.members.to_string(), "it must be from 1 to 8");
        }
        if !positive(self.clip) {
            return bad("clip", self.clip.to_string(), "it must be above 0");
        }
        if !(0.0..1.0).contains(&self.weight_decay) {
            return bad("weight decay", self.weight_decay.to_string(), "it must be from 0 to below 1");
        }
        self.shape(config).map(|_| ())
    }

    /// Where the updates sit, and how large they are.
    pub fn shape(&self, config: &Config) -> Result<Shape, TrainError> {
        let mut targets = Vec::new();
        for name in &self.targets {
            let found = Target::ALL.into_iter().find(|t| t.gguf_name() == name || t.module_name() == name);
            let why = "targets are attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up and ffn_down";
            targets.push(found.ok_or(TrainError::Setting { name: "target", value: name.clone(), why })?);
        }
        if targets.is_empty() {
            let why = "at least one linear layer must be trained";
            return Err(TrainError::Setting { name: "targets", value: "none".into(), why });
        }
        let first = config.layers - self.layers.unwrap_or(config.layers).min(config.layers);
        Ok(Shape { rank: self.rank, scale: self.scale, layers: first..config.layers, targets })
    }

    /// The factors that the run begins with.
    pub fn first_adapter(&self, config: &Config) -> Result<Adapter, TrainError> {
        Ok(Adapter::init(config, &self.shape(config)?, self.seed))
    }

    /// Examples of one step.
    pub fn step_examples(&self) -> usize {
        self.batch * self.accumulation
    }

    /// The peak learning rate for a model of so many parameters.
    pub fn peak_rate(&self, parameters: u64) -> f32 {
        self.learning_rate.unwrap_or(if parameters < 1_000_000_000 { 1e-3 } else { 2e-4 })
    }

    /// Learning rate of a step, counted from 0: rising in the warm-up, then falling to zero in a line.
    pub fn rate(&self, peak: f32, step: u64, steps: u64) -> f32 {
        let warmup = (self.warmup * steps as f64).round();
        let at = step as f64 + 1.0;
        let share =
            if at <= warmup { at / warmup } else { (steps as f64 - step as f64) / (steps as f64 - warmup) };
        (f64::from(peak) * share.min(1.0)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls_and_never_is_zero() {
        let recipe = Recipe { warmup: 0.2, ..Recipe::default() };
        let rates: Vec<f32> = (0..10).map(|step| recipe.rate(1.0, step, 10)).collect();
        assert_eq!((rates[0], rates[1], rates[2]), (0.5, 1.0, 1.0));
        assert!(rates[2..].windows(2).all(|w| w[1] < w[0]) && rates[9] > 0.0, "{rates:?}");
        assert_eq!(Recipe::default().rate(1.0, 0, 1), 1.0);
    }

    #[test]
    fn a_recipe_with_a_misspelled_setting_is_refused() {
        assert!(serde_json::from_str::<Recipe>(r#"{"rank": 8}"#).is_ok());
        assert!(serde_json::from_str::<Recipe>(r#"{"rnak": 8}"#).is_err());
    }
}
