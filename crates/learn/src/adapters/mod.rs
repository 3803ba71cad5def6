//! Trained adapters on disk: what each is, where it came from, and which is in use.
