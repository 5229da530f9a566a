"""Floor 4: the service. A ward asks over an OpenAI-compatible API or in a browser; access is controlled, answers are
guarded, and nothing is answered that is not on record.
"""
