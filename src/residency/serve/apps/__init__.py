"""Applications as data: each a file with inputs, prompt, schema, guard and checks, and the task that measures it."""

from residency.serve.apps.read import load

__all__ = ["load"]
