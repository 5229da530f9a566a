"""Floor 2: how a model is asked: prompts with examples, and likelihoods of given answers."""
