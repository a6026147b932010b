"""Public weights of the family as checkpoints: one table of keys per source, and the code that follows them."""
