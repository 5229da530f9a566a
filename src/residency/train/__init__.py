"""Floor 2: the only training loop, the losses as pure functions, and one file a training stage."""
