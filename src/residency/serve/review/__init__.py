"""What a model wrote stays a draft until a person answers for it: drafts, decisions, signatures, blind comparisons."""
