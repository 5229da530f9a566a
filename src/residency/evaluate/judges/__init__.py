"""Judging by people and by models, and the passport without which a model's judgement is not taken."""
