"""What to train for a need: plain rules that propose a recipe, each with a reason that can be looked up."""
