//! Which passages and rules matter for this question? Files are walked, cut into passages, embedded and searched.
