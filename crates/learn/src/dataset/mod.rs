//! Training sets: from rows of any usual shape to chat examples in `train.jsonl` and `valid.jsonl`.
